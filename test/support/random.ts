import { randomBytes } from 'node:crypto';

export const randomHex = (digits: number): string => randomBytes(digits / 2).toString('hex');
