/** Cursors are the last key of a page, encoded; what is not one of ours reads as "no such cursor". */
import { z } from 'zod';

const key = z.record(z.string(), z.union([z.string(), z.number()]));

export class CursorInvalid extends Error {
  override readonly name = 'CursorInvalid';
}

export const encodeCursor = (value: Record<string, unknown> | undefined | null): string | null =>
  value ? Buffer.from(JSON.stringify(value)).toString('base64url') : null;

export function decodeCursor(cursor: string | null): Record<string, string | number> | undefined {
  if (cursor === null) return undefined;
  try {
    return key.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
  } catch {
    throw new CursorInvalid('the cursor is not one of an earlier answer');
  }
}
