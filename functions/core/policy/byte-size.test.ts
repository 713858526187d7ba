import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatByteSize, parseByteSize } from './byte-size.ts';

describe('byte sizes', () => {
  it.each([
    ['512MB', 512 * 2 ** 20],
    ['1GB', 2 ** 30],
    ['1.5 gb', 1.5 * 2 ** 30],
    ['10KB', 10_240],
    ['7B', 7],
    [4096, 4096],
  ])('%s is %d bytes', (written, bytes) => {
    expect(parseByteSize(written)).toBe(bytes);
  });

  it.each(['', '512', '512 megs', '-1MB', '0MB', '0.1B', '1e9MB', '99999999999GB', 0, -1, 1.5, Number.NaN, null, {}])(
    '%j is no size',
    (written) => {
      expect(parseByteSize(written)).toBeNull();
    },
  );

  it('what is written is read back as the same number', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 50 }), (bytes) => {
        expect(parseByteSize(formatByteSize(bytes))).toBe(bytes);
      }),
    );
  });
});
