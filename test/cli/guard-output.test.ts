import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { guardOutput, safeScreen, safeText } from '../../src/cli/guard-output.ts';
import { painter } from '../../src/cli/screens/paint.ts';
import { takeText } from '../support/captured-output.ts';

/** The part of `text` that reaches the stream. */
function through(text: string, screen?: Parameters<typeof guardOutput>[1]): string {
  const stream = new PassThrough();
  guardOutput(stream, screen);
  stream.write(text);
  return takeText(stream);
}

describe('guardOutput', () => {
  it('removes secrets and passes everything else on unchanged', async () => {
    const stream = new PassThrough();
    guardOutput(stream);
    const written = new Promise<void>((resolve) => {
      expect(stream.write('GET https://a.b/c?sp=r&sig=c2VjcmV0 failed\n', () => resolve())).toBe(true);
    });
    stream.write(Buffer.from('bytes'));
    expect(takeText(stream)).toBe('GET https://a.b/c?sp=r&sig=REDACTED failed\nbytes');
    await written;
  });

  it('escapes every control except line feeds if the stream has neither colours nor a bar', () => {
    expect(through('a\u001b[31mb\r\u001b[2Jc\u009b\u202e\nd\t')).toBe(
      'a\\u{1b}[31mb\\u{d}\\u{1b}[2Jc\\u{9b}\\u{202e}\nd\\u{9}',
    );
  });

  it('keeps our own colours on streams with colours, and the sequences of the bar where lines can be redrawn', () => {
    const painted = [
      painter(true)('bold', 'a'),
      painter(true)(['black', 'bgRed'], 'b'),
      painter(true)('dim', 'c'),
    ].join('');
    expect(through(painted, { colours: true, redraws: false })).toBe(painted);
    const drawn = '\u001b[?25l\u001b[?7l\u001b7\r\u001b[K\u001b[1G\u001b[0J\u001b8\u001b[?25h';
    expect(through(drawn, { colours: false, redraws: true })).toBe(drawn);
    // No hidden or blinking text, titles, links, alternate screens or queries.
    for (const hostile of [
      '\u001b[8m',
      '\u001b[5m',
      '\u001b]0;t\u0007',
      '\u001b[?1049h',
      '\u001b[6n',
      '\u001bP',
      '\u001bc',
    ]) {
      expect(through(hostile, { colours: true, redraws: true })).toMatch(/^\\u\{1b\}/);
    }
  });

  it('does not change JSON', () => {
    const line = `${JSON.stringify({ message: 'a\u001b\n"\\ü' })}\n`;
    expect(through(line)).toBe(line);
  });
});

it('messages contain neither secrets nor controls, and screens only our own colours', () => {
  const text = '\u001b[1mhttps://a.b/c?sig=c2VjcmV0&x\u001b[22m\u001b[2J\n';
  expect(safeText(text)).toBe('\\u{1b}[1mhttps://a.b/c?sig=REDACTED&x\\u{1b}[22m\\u{1b}[2J\n');
  expect(safeScreen(text)).toBe('\u001b[1mhttps://a.b/c?sig=REDACTED&x\u001b[22m\\u{1b}[2J\n');
});
