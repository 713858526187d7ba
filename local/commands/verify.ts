import { sumCounts } from '../test-counts.ts';
import { runChecks } from '../verification.ts';

/** Everything that can be checked without starting anything; ends at the first failure. */
export async function verify(): Promise<number> {
  const counts = await runChecks({ stopAtFirstFailure: true });
  return sumCounts(counts).failed === 0 ? 0 : 1;
}
