import { dynamoExecutions } from '../../adapters/dynamo/executions.ts';
import { dynamoSandboxes } from '../../adapters/dynamo/sandboxes.ts';
import { dynamoTickets } from '../../adapters/dynamo/tickets.ts';
import { httpSupervisor } from '../../adapters/supervisor/http.ts';
import { cancelRunInput } from '../../contracts/tasks.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { taskHandler } from '../../runtime/task-handler.ts';

const environment = environmentOf('tasks/cancel-run');
const executions = dynamoExecutions({ executions: environment.EXECUTIONS_TABLE, audit: '' });
const sandboxes = dynamoSandboxes(environment.SANDBOXES_TABLE);
const tickets = dynamoTickets(environment.EPHEMERA_TABLE);

/** Tells the supervisor of a running execution to end it. Whether it does is seen in its `exit` event; the dispatcher asks again. */
export const handler = taskHandler('cancel run', cancelRunInput, async ({ execution_id, reason }) => {
  const row = await executions.get(execution_id);
  if (row?.phase !== 'running') return { outcome: 'not_running' };
  const sandbox = await sandboxes.get(row.sandbox_id);
  if (sandbox?.status !== 'claimed') return { outcome: 'not_running' };
  const ticket = await tickets.get(execution_id, sandbox.attempt);
  if (!ticket) return { outcome: 'not_running' };
  return { outcome: await httpSupervisor(sandbox.address).cancel(ticket, reason) };
});
