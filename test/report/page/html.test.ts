import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escaped, html, raw } from '../../../src/report/page/html.ts';

describe('html', () => {
  it('escapes what is inserted, and nothing that is HTML already', () => {
    const bold = html`<b>${'<script>'}</b>`;
    expect(html`<p title="${'"a" & \'b\''}">${bold}${raw('<i>')}${1}${undefined}${['<', bold]}</p>`.text).toBe(
      '<p title="&quot;a&quot; &amp; &#39;b&#39;"><b>&lt;script&gt;</b><i>1&lt;<b>&lt;script&gt;</b></p>',
    );
  });

  it.each([
    ['\u202eexe.vhd', '\\u{202e}exe.vhd'],
    ['a\u0000b\u001b[31m', 'a\\u{0}b\\u{1b}[31m'],
    ['\u78c1\u76d8 \u{1f4be}.vhd', '\u78c1\u76d8 \u{1f4be}.vhd'],
    ['\u0642\u0631\u0635.vhd', '\u0642\u0631\u0635.vhd'],
    ['lone \ud800', 'lone \\u{d800}'],
    ['two\nlines', 'two\nlines'],
    ['https://a.b/c?sv=1&sig=c2VjcmV0c2VjcmV0', 'https://a.b/c?sv=1&amp;sig=REDACTED'],
  ])('shows %j as %j', (text, shown) => {
    expect(escaped(text)).toBe(shown);
  });

  it('lets no text out of an element or an attribute', () => {
    const texts = fc.string({ unit: 'binary', maxLength: 60 });
    const hostile = fc.constantFrom(
      '</title>',
      '<!--',
      ']]>',
      '"',
      "'",
      '&lt;',
      '</style><script>',
      '\u202e',
      '\u2028',
      '`',
      '=',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(texts, hostile)), (parts) => {
        const text = parts.join('');
        const shown = escaped(text);
        expect(shown).not.toMatch(/[<>"']/);
        expect(shown).not.toMatch(/&(?!(?:amp|lt|gt|quot|#39);)/);
        expect(shown).not.toMatch(/[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|[^\P{Cc}\n]/u);
      }),
    );
  });
});
