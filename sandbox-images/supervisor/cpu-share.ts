import { availableParallelism } from 'node:os';
import type { Everyone } from './kill.ts';

const INTERVAL_MILLISECONDS = 10;
/** Work done ahead of its time before the brake is pulled: short programs never feel it. */
const AHEAD_MILLISECONDS = 5;

/**
 * Holds the guest to its share of a CPU by stopping and continuing all its processes, as control groups cannot be written here.
 * Returns the function that ends the watch; it is called when all processes are to be killed, so those that are stopped stay so.
 */
export function holdCpuShare(options: {
  readonly share: number;
  readonly everyone: Everyone;
  readonly cpuMilliseconds: () => number;
}): () => void {
  const { share, everyone, cpuMilliseconds } = options;
  if (share >= availableParallelism()) return () => {};
  const started = performance.now();
  let stopped = false;

  function check(): void {
    const ahead = cpuMilliseconds() - (performance.now() - started) * share;
    const shouldStop = stopped ? ahead > 0 : ahead > AHEAD_MILLISECONDS;
    if (shouldStop === stopped) return;
    everyone.signal(shouldStop ? 'SIGSTOP' : 'SIGCONT');
    stopped = shouldStop;
  }

  const timer = setInterval(check, INTERVAL_MILLISECONDS);
  return () => clearInterval(timer);
}
