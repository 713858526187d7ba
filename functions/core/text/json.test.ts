import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AmbiguousJson, canonicalJson, parseUnambiguousJson } from './json.ts';

describe('JSON that two readers could read differently is refused', () => {
  it.each([
    ['a key given twice', '{"a":1,"b":{"c":1,"c":2}}'],
    ['a key given twice in another spelling', '{"a":1,"\\u0061":2}'],
    ['a key given twice in an object inside an array', '[{"a":[1,2]},{"x":"}","x":1}]'],
    ['a whole number that loses digits', '{"a":9007199254740993}'],
    ['a number that is infinite', '{"a":1e999}'],
    ['half a surrogate pair in a value', '{"a":"\\ud800"}'],
    ['half a surrogate pair in a key', '{"\\udc00":1}'],
    ['more levels than any reader should need', `${'['.repeat(100_000)}1${']'.repeat(100_000)}`],
  ])('%s', (_, text) => {
    expect(() => parseUnambiguousJson(text)).toThrow(AmbiguousJson);
  });

  it('and all other JSON is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        // Digits enough for a number that would lose some are the other tests' subject.
        fc.pre(!/\d{16,}/.test(text));
        expect(parseUnambiguousJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('and a long string does not exhaust the reader', () => {
    const value = { a: '"\\'.repeat(1_000_000) };
    expect(parseUnambiguousJson(JSON.stringify(value))).toEqual(value);
  });
});

describe('canonical JSON', () => {
  it('is the same whatever order the keys were set in', () => {
    expect(canonicalJson({ b: 1, a: { d: [1, { f: 1, e: 2 }], c: null } })).toBe('{"a":{"c":null,"d":[1,{"e":2,"f":1}]},"b":1}');
  });
});
