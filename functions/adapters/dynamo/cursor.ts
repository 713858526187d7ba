/** Cursors are the last key of a page, encoded; what is not one of ours reads as "no such cursor". */
import { z } from 'zod';

const key = z.record(z.string(), z.union([z.string(), z.number()]));

export class CursorInvalid extends Error {
  override readonly name = 'CursorInvalid';
}

export const encodeCursor = (value: Record<string, unknown> | undefined | null): string | null =>
  value ? Buffer.from(JSON.stringify(value)).toString('base64url') : null;

/** Reads a page from where a cursor stands. One that is none of ours, or of another list, is the caller's mistake, and says so. */
export async function readFrom<T>(
  cursor: string | null,
  read: (start: Record<string, string | number> | undefined) => Promise<T>,
): Promise<T> {
  const start = cursor === null ? undefined : decodeCursor(cursor);
  try {
    return await read(start);
  } catch (error) {
    // DynamoDB refuses a key that does not fit the index, and that key came from the cursor.
    const isForeign = start !== undefined && error instanceof Error && error.name === 'ValidationException';
    throw isForeign ? new CursorInvalid('the cursor is not one of this list') : error;
  }
}

function decodeCursor(cursor: string): Record<string, string | number> {
  try {
    return key.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
  } catch {
    throw new CursorInvalid('the cursor is not one of an earlier answer');
  }
}
