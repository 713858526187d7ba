import { v7 } from 'uuid';
import type { Clock, Ids } from '../core/clock.ts';

export const clock: Clock = { now: () => new Date() };
export const ids: Ids = { uuid: () => v7() };
export const wait = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
