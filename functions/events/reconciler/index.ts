import { dynamoApprovals } from '../../adapters/dynamo/approvals.ts';
import { dynamoExecutions } from '../../adapters/dynamo/executions.ts';
import { dynamoSandboxes } from '../../adapters/dynamo/sandboxes.ts';
import { clockMachine, executionMachine, taskTokens } from '../../adapters/sfn/machine.ts';
import { reconcile } from '../../core/execution/reconcile.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { log } from '../../runtime/log.ts';
import { clock } from '../../runtime/system.ts';

const environment = environmentOf('events/reconciler');
const parts = {
  executions: dynamoExecutions({ executions: environment.EXECUTIONS_TABLE, audit: environment.AUDIT_TABLE }),
  approvals: dynamoApprovals({ approvals: environment.APPROVALS_TABLE, audit: environment.AUDIT_TABLE }),
  sandboxes: dynamoSandboxes(environment.SANDBOXES_TABLE),
  machine: executionMachine(environment.EXECUTION_STATE_MACHINE_ARN),
  clocks: clockMachine(environment.APPROVAL_CLOCK_STATE_MACHINE_ARN),
  tokens: taskTokens,
  clock,
  untouchedMs: Number(environment.UNTOUCHED_MS),
  report: (what: string, error: unknown) => log.error('not mended', error, { entity_id: what }),
};

/** Called by the clock, and by whoever wants the answer. */
export async function handler(event: { readonly source?: string }) {
  const mended = await reconcile(parts);
  log.info('reconciled', mended);
  // After all that could be done: to the clock it fails, so that the alarm, which counts failures, sees what stays unmended.
  if (mended.faults > 0 && event.source !== undefined) throw new Error(`${mended.faults} things could not be mended`);
  return mended;
}
