import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attachmentHeader } from './download.ts';

const nameIn = (header: string): string => decodeURIComponent(header.replace("attachment; filename*=UTF-8''", ''));

describe('the header of a download', () => {
  it.each([
    ['deep/er/ü $(x).bin', 'ü $(x).bin'],
    ["it's (1)*.csv", "it's (1)*.csv"],
    ['photo\u202egpj.exe', 'photo_gpj.exe'],
    ['a\r\nset-cookie: x', 'a__set-cookie: x'],
    ['cut \ud83d', 'cut \ufffd'],
    ['', 'file'],
  ])('of %j names it %j', (name, expected) => {
    expect(nameIn(attachmentHeader(name))).toBe(expected);
  });

  it('is one line of plain characters, whatever the name', () => {
    const anyText = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(anyText, (name) => {
        expect(attachmentHeader(name)).toMatch(/^attachment; filename\*=UTF-8''[A-Za-z0-9%._~!-]+$/);
      }),
    );
  });
});
