import { dynamoExecutions } from '../../adapters/dynamo/executions.ts';
import { dynamoSandboxes } from '../../adapters/dynamo/sandboxes.ts';
import { liveSubscribers } from '../../adapters/dynamo/subscribers.ts';
import { dynamoTickets } from '../../adapters/dynamo/tickets.ts';
import { s3Objects } from '../../adapters/s3/objects.ts';
import { httpSupervisor } from '../../adapters/supervisor/http.ts';
import { valkeyLiveLog } from '../../adapters/valkey/live-log.ts';
import { dispatchInput } from '../../contracts/tasks.ts';
import { dispatch } from '../../core/execution/dispatch.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { clock, wait } from '../../runtime/system.ts';
import { taskHandler } from '../../runtime/task-handler.ts';

const environment = environmentOf('tasks/run-in-sandbox');
const parts = {
  executions: dynamoExecutions({ executions: environment.EXECUTIONS_TABLE, audit: environment.AUDIT_TABLE }),
  sandboxes: dynamoSandboxes(environment.SANDBOXES_TABLE),
  tickets: dynamoTickets(environment.EPHEMERA_TABLE),
  objects: s3Objects(environment.DATA_BUCKET),
  live: valkeyLiveLog(environment.VALKEY_URL),
  supervisorAt: httpSupervisor,
  clock,
  wait,
  budgetMs: Number(environment.DISPATCH_BUDGET_MS),
};

export const handler = taskHandler('run in sandbox', dispatchInput, (input) =>
  dispatch(
    {
      ...parts,
      subscribers: liveSubscribers({ ephemeraTable: environment.EPHEMERA_TABLE, pushFunction: environment.PUSH_FUNCTION }),
    },
    input,
  ),
);
