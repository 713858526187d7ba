/** One pass over what is due. */
import type { Clock } from '../clock.ts';

interface Bounds {
  readonly clock: Clock;
  readonly atATime: number;
  /** After so long no further one is begun: it might not end before whoever sends is stopped, and then nobody knew whether it arrived. */
  readonly beginWithinMs: number;
  /** Told of one that failed, as it does. */
  readonly report: (id: string, fault: unknown) => void;
}

/** Hands each over, some at a time. One that fails keeps no other back. What was not begun waits for the next pass. */
export async function sendEach(
  ids: readonly string[],
  send: (id: string) => Promise<void>,
  { clock, atATime, beginWithinMs, report }: Bounds,
): Promise<{ readonly faults: number; readonly left: number }> {
  const startedAt = clock.now().getTime();
  const [waiting, ended] = [ids.values(), { faults: 0, left: 0 }];
  const sendOneByOne = async (): Promise<void> => {
    // All of them take from the same ids: each is taken once.
    for (const id of waiting) {
      if (clock.now().getTime() - startedAt >= beginWithinMs) {
        ended.left += 1;
        continue;
      }
      try {
        await send(id);
      } catch (fault) {
        ended.faults += 1;
        report(id, fault);
      }
    }
  };
  await Promise.all(Array.from({ length: atATime }, sendOneByOne));
  return ended;
}
