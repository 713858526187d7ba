import fc from 'fast-check';
import { expect, it } from 'vitest';
import { beginningOf, differenceOf, isLong, remarksOn, sourceOf } from './source.ts';

/** What somebody who selects all of it would copy. */
const readable = (html: string): string =>
  html
    .replace(/<\/span>\n/g, '\n')
    .replace(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');

it('shows every character of a text that hides nothing, and no markup of its own', () => {
  const plain = fc.string({ unit: fc.constantFrom(...'ab <>&"\'/\\=\t\n;'.split('')), maxLength: 200 });
  fc.assert(
    fc.property(plain, (text) => {
      const { html } = sourceOf(text, 'code');
      expect(readable(html).slice(0, -1)).toBe(text);
      expect(html.replace(/<\/?(pre|code|span|mark)( [a-z-]+="[a-z ]*")*>/g, '')).not.toMatch(/[<>]/);
    }),
  );
});

it('shows no character that hides or steers, and names each', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (text) => {
      expect(sourceOf(text, 'code').html).not.toMatch(/(?![\n\t])[\p{Cc}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]/u);
    }),
  );
  expect(sourceOf('a\u202eb', 'code').html).toContain('<mark>⟦U+202E⟧</mark>');
});

it('marks white space at the end of a line, which nobody sees', () => {
  expect(sourceOf('x = 1  \ny', 'code').html).toContain('x = 1<mark title="white space">  </mark>');
  expect(remarksOn('a \nb\t\nc')).toEqual(['White space at the end of 2 lines is marked.']);
  expect(remarksOn('a\r\nb')).toEqual(['One line ends as on Windows (CR LF).']);
});

it('says of a long text how much is left', () => {
  const text = Array.from({ length: 200 }, (_, index) => `line ${index}`).join('\n');
  expect(isLong(text)).toBe(true);
  expect(isLong('short')).toBe(false);
  expect(isLong('x'.repeat(20_000))).toBe(true);
  const { beginning, linesLeft } = beginningOf(text, 'code');
  expect(linesLeft).toBe(160);
  expect(beginning.html).toContain('line 39');
  expect(beginning.html).not.toContain('line 40');
});

it('says what came and what went, and gives up on texts that have little in common', () => {
  const html = differenceOf('a\nb\nc', 'a\nB\nc')?.html ?? '';
  expect(html).toContain('<del>- b</del>');
  expect(html).toContain('<ins>+ B</ins>');
  expect(differenceOf('a\u202e', 'a')?.html).toContain('⟦U+202E⟧');
  const lines = (start: number) => Array.from({ length: 30_000 }, (_, index) => `${(index * 7919 + start) % 50_021}`).join('\n');
  expect(differenceOf(lines(1), lines(2))).toBeNull();
});
