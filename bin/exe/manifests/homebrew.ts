// The formula of Homebrew. It installs the npm package on Homebrew's own Node: macOS runs no executable that is not signed.
// Source: "Node for Formula Authors" and "Formula Cookbook" of Homebrew.
import { type ManifestFile, type Release, urlOf } from './release.ts';

export function homebrewFormula(release: Release): ManifestFile {
  const { summary, homepage, npmPackage } = release;
  const text = [
    'class Vhdup < Formula',
    `  desc ${quoted(summary)}`,
    `  homepage ${quoted(homepage)}`,
    `  url ${quoted(urlOf(release, npmPackage.file))}`,
    `  sha256 ${quoted(npmPackage.sha256)}`,
    '  license "MIT"',
    '',
    '  depends_on "node"',
    '',
    '  def install',
    '    system "npm", "install", *std_npm_args',
    '    bin.install_symlink libexec.glob("bin/*")',
    '  end',
    '',
    '  test do',
    '    assert_match version.to_s, shell_output("#{bin}/vhdup --version")',
    '  end',
    'end',
    '',
  ].join('\n');
  return { path: 'homebrew/vhdup.rb', text };
}

/** A Ruby string: JSON's escapes are Ruby's too, but `#` can begin an expression. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll('#', '\\#');
}
