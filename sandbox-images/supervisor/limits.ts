import type { ResourceLimits } from '../../functions/contracts/manifest.ts';
import { type ExitReason, OUTPUT_DRAIN_BYTES, type UsageSample } from '../../functions/contracts/sandbox-protocol.ts';
import { THREAD_ALLOWANCE } from './guest.ts';
import type { Measurement } from './usage.ts';

/** The limit that the guest is past, if any. */
export function exceededLimit({ usage, threads }: Measurement, limits: ResourceLimits): ExitReason | undefined {
  if (usage.memory_bytes > limits.memory_bytes) return 'memory_limit';
  if (usage.disk_bytes > limits.disk_bytes) return 'disk_limit';
  if (usage.processes > limits.processes || threads > limits.processes + THREAD_ALLOWANCE) return 'process_limit';
  return undefined;
}

export const exceedsOutput = (stdoutBytes: number, stderrBytes: number): boolean =>
  stdoutBytes + stderrBytes > OUTPUT_DRAIN_BYTES;

export const peakOf = (first: UsageSample, second: UsageSample): UsageSample => ({
  cpu_ms: Math.max(first.cpu_ms, second.cpu_ms),
  memory_bytes: Math.max(first.memory_bytes, second.memory_bytes),
  disk_bytes: Math.max(first.disk_bytes, second.disk_bytes),
  processes: Math.max(first.processes, second.processes),
});
