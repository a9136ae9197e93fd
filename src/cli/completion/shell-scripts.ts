// The scripts that make a shell complete the words of vhdup. Each asks the program itself, so they do not age.
import { IMAGE_ENDINGS } from '../guided/image-names.ts';
import { COMPLETION_FLAG } from './complete-flag.ts';

export const SHELLS = ['bash', 'zsh', 'fish', 'powershell'] as const;

export type Shell = (typeof SHELLS)[number];

const PROGRAMS = ['vhdup', 'add-azurevhd', 'add-azvhd', 'save-azurevhd', 'save-azvhd'];
const ASK = `vhdup ${COMPLETION_FLAG}`;
/** The first word can be an image too. Shells know best how to quote the names of files. */
const ENDINGS = IMAGE_ENDINGS.join('|');
/** For the bash of macOS, which cannot ignore the case of a part: "[vV][hH][dD]". */
const ANY_CASE = ENDINGS.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);

/** The script, and how to use it in its first lines. */
export function completionScript(shell: Shell): string {
  return SCRIPTS[shell];
}

const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: String.raw`# Completion of vhdup for bash. Add to ~/.bashrc:
#   source <(vhdup completion bash)
_vhdup() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    COMPREPLY+=("${'$'}{line%%$'\t'*}")
  done < <(${ASK} "${'$'}{COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null)
  (( COMP_CWORD == 1 )) || return 0
  while IFS= read -r line; do
    [[ -d $line || $line =~ \.(${ANY_CASE})$ ]] || continue
    COMPREPLY+=("$line")
    compopt -o filenames 2>/dev/null
  done < <(compgen -f -- "${'$'}{COMP_WORDS[1]}")
}
complete -o default -F _vhdup ${PROGRAMS.join(' ')}`,
  zsh: String.raw`#compdef ${PROGRAMS.join(' ')}
# Completion of vhdup for zsh. Add to ~/.zshrc, after compinit:
#   source <(vhdup completion zsh)
_vhdup() {
  local line
  local -a candidates
  for line in "${'$'}{(@f)$(${ASK} "${'$'}{(@)words[1,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && candidates+=("${'$'}{${'$'}{line%%$'\t'*}//:/\\:}:${'$'}{line#*$'\t'}")
  done
  if (( ${'$'}{#candidates} )); then
    _describe 'vhdup' candidates
  fi
  if (( CURRENT == 2 )); then
    _files -g '(#i)*.(${ENDINGS})(-.)'
  elif (( ! ${'$'}{#candidates} )); then
    _files
  fi
}
if [[ $funcstack[1] == _vhdup ]]; then
  _vhdup "$@"
else
  compdef _vhdup ${PROGRAMS.join(' ')}
fi`,
  fish: String.raw`# Completion of vhdup for fish. Run once:
#   vhdup completion fish > ~/.config/fish/completions/vhdup.fish
function __vhdup_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l candidates (${ASK} $words 2>/dev/null)
  if test (count $words) -eq 2
    __fish_complete_path (commandline -ct) | string match --regex --ignore-case '^[^\t]*(?:/|\.(?:${ENDINGS}))(?:\t.*)?$'
    printf '%s\n' $candidates
  else if test (count $candidates) -gt 0
    printf '%s\n' $candidates
  else
    __fish_complete_path (commandline -ct)
  end
end
for program in ${PROGRAMS.join(' ')}
  complete -c $program -f -a '(__vhdup_complete)'
end`,
  powershell: `# Completion of vhdup for PowerShell. Add to the file in $PROFILE:
#   vhdup completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName ${PROGRAMS.join(', ')} -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @($commandAst.CommandElements | Where-Object { $_.Extent.StartOffset -lt $cursorPosition } | ForEach-Object { $_.Extent.Text })
  if ("$wordToComplete" -eq '') { $words += "''" }
  if ($words.Count -eq 2) {
    [System.Management.Automation.CompletionCompleters]::CompleteFilename($wordToComplete) |
      Where-Object { $_.ResultType -eq 'ProviderContainer' -or $_.ListItemText -match '\\.(?:${ENDINGS})$' } |
      ForEach-Object {
        # Brackets are escaped for cmdlets. A program gets the backticks as well.
        $value = $_.CompletionText -replace '\`+(?=[\\[\\]])', ''
        [System.Management.Automation.CompletionResult]::new($value, $_.ListItemText, $_.ResultType, $_.ToolTip)
      }
  }
  & ${ASK} @words 2>$null | ForEach-Object {
    $value, $text = $_ -split "\`t", 2
    if (-not $text) { $text = $value }
    [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $text)
  }
}`,
};
