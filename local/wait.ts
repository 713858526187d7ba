import { setTimeout as sleep } from 'node:timers/promises';

export interface Patience {
  readonly withinSeconds: number;
  readonly everyMilliseconds?: number;
}

/** Asks again and again until there is an answer. Returns `undefined` when the time is over. */
export async function until<Answer>(
  { withinSeconds, everyMilliseconds = 100 }: Patience,
  ask: () => Promise<Answer | undefined>,
): Promise<Answer | undefined> {
  const deadline = performance.now() + withinSeconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() >= deadline) return undefined;
    await sleep(everyMilliseconds);
  }
}
