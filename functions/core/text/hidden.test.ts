import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hiddenCharacters, madeVisible } from './hidden.ts';

describe('hidden characters', () => {
  it.each([
    ['a direction override', 'a\u202eb', 'U+202E', 'bidirectional'],
    ['an isolate', 'a\u2066b', 'U+2066', 'bidirectional'],
    ['a space of no width', 'a\u200bb', 'U+200B', 'invisible'],
    ['a soft hyphen', 'a\u00adb', 'U+00AD', 'invisible'],
    ['a Hangul filler, which is a letter', 'a\u3164b', 'U+3164', 'invisible'],
    ['a tag character', 'a\u{e0041}b', 'U+E0041', 'invisible'],
    ['half a surrogate pair', 'a\ud800b', 'U+D800', 'invisible'],
    ['an escape sequence of a terminal', 'a\u001b[31mb', 'U+001B', 'control'],
    ['a carriage return within a line', 'a\rb', 'U+000D', 'control'],
    ['a line separator', 'a\u2028b', 'U+2028', 'control'],
    ['a Cyrillic letter in a Latin word', 'p\u0430ss', 'U+0430', 'look_alike'],
  ])('%s is found where it is, and shown', (_, text, character, kind) => {
    expect(hiddenCharacters(`first\n${text}`)).toEqual([{ line: 2, column: 2, character, kind }]);
    expect(madeVisible(text)).toContain(`⟦${character}⟧`);
  });

  it.each(['x = "grüezi"\n\tprint(x)\r\n', 'слово и дело', 'λόγος', '日本語 → ok', 'naïve café — “quoted”', '👍🏽'])(
    'ordinary text shows as itself: %j',
    (text) => {
      expect(hiddenCharacters(text)).toEqual([]);
      expect(madeVisible(text)).toBe(text.replaceAll('\r\n', '\n'));
    },
  );

  it('are none in what was made visible, which differs wherever the text does', () => {
    const text = fc.string({
      unit: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\u202e', '\u200b', '\u0430', 'a', '\n', '\u001b')),
    });
    fc.assert(
      fc.property(text, text, (one, other) => {
        expect(hiddenCharacters(madeVisible(one)).filter((found) => found.kind !== 'look_alike')).toEqual([]);
        const plain = (value: string) => value.replaceAll('\r\n', '\n');
        if (plain(one) !== plain(other) && !/⟦/.test(one + other)) expect(madeVisible(one)).not.toBe(madeVisible(other));
      }),
    );
  });
});
