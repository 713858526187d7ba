/** What a request's clocks bring about, written down. Called when one is due, by whoever notices: doing it twice is doing it once. */
import type { Clock } from '../clock.ts';
import type { TaskTokens } from '../execution/ports.ts';
import { updateApproval } from './change.ts';
import { advance, nextClock } from './clocks.ts';
import type { ApprovalStore } from './ports.ts';

export interface AdvanceParts {
  readonly approvals: ApprovalStore;
  readonly tokens: TaskTokens;
  readonly clock: Clock;
}

/** `waiting`: until then nothing is due. `no_clock`: nothing ever will be. `closed` and `other_stage`: these clocks have stopped. */
export type Advanced =
  | { readonly outcome: 'waiting'; readonly next_at: string; readonly changes: number }
  | { readonly outcome: 'no_clock' | 'closed' | 'other_stage'; readonly changes: number };

/** Catches up with everything that is due in this stage; one record for each thing that happened. */
export async function advanceApproval(parts: AdvanceParts, approvalId: string, stage: number): Promise<Advanced> {
  const now = parts.clock.now();
  for (let changes = 0; ; changes += 1) {
    const { row, result } = await updateApproval(parts.approvals, approvalId, now, (request) => {
      const change = request.stage === stage ? advance(request, now) : null;
      return change && { change };
    });
    if (result) continue;
    if (row?.status !== 'open') {
      if (row?.task_token) await parts.tokens.complete(row.task_token);
      return { outcome: 'closed', changes };
    }
    if (row.stage !== stage) return { outcome: 'other_stage', changes };
    const next = nextClock(row);
    return next ? { outcome: 'waiting', next_at: next.at, changes } : { outcome: 'no_clock', changes };
  }
}
