import { describe, expect, it } from 'vitest';
import { Dialogue } from '../../../src/cli/guided/dialogue.ts';
import { InterruptedError } from '../../../src/cli/interrupt.ts';
import { ASCII } from '../../../src/cli/screens/symbols.ts';
import { UsageError } from '../../../src/errors.ts';
import { SIGNATURE, sasWith } from '../../support/sas-samples.ts';
import { type Answer, ScriptedTerminal } from '../../support/scripted-terminal.ts';
import { failureOf } from '../../support/vhd-fixtures.ts';

function dialogueWith(...answers: Answer[]) {
  const terminal = new ScriptedTerminal(...answers);
  const { input, output } = terminal;
  const screen = { width: 60, colours: false, symbols: ASCII, redraws: true };
  const { signal } = new AbortController();
  return { terminal, dialogue: new Dialogue({ input, output, screen, signal }) };
}

const even = (text: string) => {
  if (Number(text) % 2 !== 0) throw new UsageError(`${text} is not even.`);
  return Number(text);
};

describe('a question', () => {
  it('is asked again, with the reason, until the answer is possible', async () => {
    const { terminal, dialogue } = dialogueWith(['Number', '3'], ['Number', 'x'], ['Number', ' 4 ']);
    expect(await dialogue.ask('Number', { parse: even })).toBe(4);
    expect(terminal.shown).toContain('3 is not even.\nNumber: ');
  });

  it('has the answer of an empty line in brackets', async () => {
    const { terminal, dialogue } = dialogueWith(['Number [2]', '']);
    expect(await dialogue.ask('Number', { initial: '2', parse: even })).toBe(2);
    expect(terminal.shown).toBe('Number [2]: \n');
  });

  it('leads back with an empty line if it has none', async () => {
    const { dialogue } = dialogueWith(['Number', '']);
    expect(await dialogue.ask('Number', { parse: even })).toBeUndefined();
  });

  it('fails with what is no error of vhdup', async () => {
    const { dialogue } = dialogueWith(['Number', '1']);
    const parse = () => {
      throw new TypeError('a bug');
    };
    expect(await failureOf(dialogue.ask('Number', { parse }))).toBeInstanceOf(TypeError);
  });

  it('ends with the input, like Ctrl-C', async () => {
    const { dialogue } = dialogueWith();
    const error = await failureOf(dialogue.ask('Number', { parse: even }));
    expect(error).toBeInstanceOf(InterruptedError);
    expect(error).toMatchObject({ exitCode: 130 });
  });

  it('cannot control the terminal', async () => {
    const { terminal, dialogue } = dialogueWith(['Name', 'x']);
    dialogue.say('a\u001b]0;title\u0007b');
    await dialogue.ask('Name', { initial: '\u001b[2J', parse: String });
    expect(terminal.shown).not.toMatch(/[^\n -~]/);
  });
});

describe('a yes or no', () => {
  it.each([
    ['', true, true],
    ['', false, false],
    ['Y', false, true],
    ['no', true, false],
  ])('of %j, where an empty line means %s, is %s', async (answer, initial, expected) => {
    const { dialogue } = dialogueWith(['Start?', answer]);
    expect(await dialogue.confirm('Start?', initial)).toBe(expected);
  });

  it('is asked again after anything else', async () => {
    const { dialogue } = dialogueWith(['Start?', 'maybe'], ['[Y/n]', 'yes']);
    expect(await dialogue.confirm('Start?', true)).toBe(true);
  });
});

describe('a choice', () => {
  const fruits = ['apple', 'apricot', 'banana'].map((label) => ({ label, value: label.toUpperCase() }));

  it.each([
    ['2', 'APRICOT'],
    ['', 'APPLE'],
    ['ban', 'BANANA'],
    ['Apple', 'APPLE'],
  ])('%j is %s', async (answer, value) => {
    const { dialogue } = dialogueWith(['Fruit', answer]);
    expect(await dialogue.choose('Fruit', fruits, 0)).toBe(value);
  });

  it('narrows the list by a part of a name, with new numbers', async () => {
    const { terminal, dialogue } = dialogueWith(['Fruit', '4'], ['Fruit', 'ap'], ['Fruit', '2']);
    expect(await dialogue.choose('Fruit', fruits)).toBe('APRICOT');
    expect(terminal.shown).toContain('Type a number from 1 to 3');
    expect(terminal.shown.match(/banana/g)).toHaveLength(2);
  });

  it('leads from a narrowed list to the whole one, and from there back', async () => {
    const { dialogue } = dialogueWith(['Fruit', 'ap'], ['Fruit', ''], ['Fruit', '']);
    expect(await dialogue.choose('Fruit', fruits)).toBeUndefined();
  });

  it('shows the beginning of a long list, and finds the rest', async () => {
    const many = Array.from({ length: 200 }, (_, index) => ({ label: `group-${index}.`, value: index }));
    const { terminal, dialogue } = dialogueWith(['Group', 'group-173']);
    expect(await dialogue.choose('Group', many)).toBe(173);
    expect(terminal.shown).toContain('180 more: type a part of the name.');
    expect(terminal.shown).not.toContain('group-20.');
  });

  it('takes no number that it does not show', async () => {
    const many = Array.from({ length: 30 }, (_, index) => ({ label: `disk${index}.`, value: index }));
    const { terminal, dialogue } = dialogueWith(['Group', '31'], ['Group', '25']);
    expect(await dialogue.choose('Group', many)).toBe(25);
    expect(terminal.shown).toContain('Type a number from 1 to 20');
  });
});

describe('a URL with a SAS where something else is asked for', () => {
  const url = 'https://acc.blob.core.windows.net/vhds';
  const pasted = `${url}?${sasWith()}`;

  it.each<[string, (dialogue: Dialogue) => Promise<unknown>]>([
    ['a choice', (dialogue) => dialogue.choose('Fruit', [{ label: 'apple', value: 1 }])],
    ['a name', (dialogue) => dialogue.ask('Fruit', { parse: String })],
    ['yes or no', (dialogue) => dialogue.confirm('Fruit', true)],
  ])('is shown without the SAS: %s', async (_, ask) => {
    const { terminal, dialogue } = dialogueWith(['Fruit', pasted], ['Fruit', '']);
    await ask(dialogue);
    expect(terminal.shown).toContain(`${url}?[not shown]\n`);
    expect(terminal.shown).not.toContain(SIGNATURE.slice(4, 12));
  });

  it('chooses what a URL stands for', async () => {
    const { dialogue } = dialogueWith(['Fruit', pasted]);
    const fruits = [{ label: 'apple', value: 'an apple' }];
    expect(await dialogue.choose('Fruit', fruits, 0, (text) => text)).toBe(pasted);
  });

  it('leaves paths as they are', async () => {
    const { terminal, dialogue } = dialogueWith(['Image', 'C:\\R&D\\a=b.vhd']);
    await dialogue.ask('Image', { parse: String });
    expect(terminal.shown).toBe('Image: C:\\R&D\\a=b.vhd\n');
  });
});

describe('a question for a secret', () => {
  const url = 'https://acc.blob.core.windows.net/vhds';

  it('shows the URL and nothing behind its question mark', async () => {
    const { terminal, dialogue } = dialogueWith(['URL', `${url}?${sasWith()}`]);
    expect(await dialogue.askUrl('URL', { parse: String })).toBe(`${url}?${sasWith()}`);
    expect(terminal.shown).toBe(`URL: ${url}?[not shown]\n`);
  });

  it('shows nothing', async () => {
    const { terminal, dialogue } = dialogueWith(['SAS', sasWith()]);
    expect(await dialogue.askSecret('SAS', { parse: String })).toBe(sasWith());
    expect(terminal.shown).not.toContain(SIGNATURE.slice(4, 12));
    expect(terminal.shown).toBe('SAS: \n');
  });

  it('follows corrections, and leads back with an empty line', async () => {
    const { terminal, dialogue } = dialogueWith(['URL', 'vhdz\u007fs/a.vhd?sig=x\u0015vhds'], ['URL', '']);
    expect(await dialogue.askUrl('URL', { parse: String })).toBe('vhds');
    expect(await dialogue.askUrl('URL', { parse: String })).toBeUndefined();
    expect(terminal.shown).toBe('URL: vhds\nURL: \n');
  });
});
