import { dynamoApprovals } from '../../adapters/dynamo/approvals.ts';
import { dynamoExecutions } from '../../adapters/dynamo/executions.ts';
import { dynamoIdentities } from '../../adapters/dynamo/identities.ts';
import { dynamoTickets } from '../../adapters/dynamo/tickets.ts';
import { kmsTicketSigner } from '../../adapters/kms/ticket-key.ts';
import { s3Objects } from '../../adapters/s3/objects.ts';
import { type TicketOutput, ticketInput } from '../../contracts/tasks.ts';
import { mayRun } from '../../core/execution/gate.ts';
import { readConfiguration } from '../../runtime/configuration.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { clock, ids } from '../../runtime/system.ts';
import { taskHandler } from '../../runtime/task-handler.ts';

const environment = environmentOf('tasks/issue-ticket');
const parts = {
  executions: dynamoExecutions({ executions: environment.EXECUTIONS_TABLE, audit: '' }),
  approvals: dynamoApprovals({ approvals: environment.APPROVALS_TABLE }),
  identities: dynamoIdentities({ identity: environment.IDENTITY_TABLE }),
  objects: s3Objects(environment.DATA_BUCKET),
  configuration: readConfiguration(),
  clock,
  ids,
};
const tickets = dynamoTickets(environment.EPHEMERA_TABLE);
const sign = kmsTicketSigner(environment.TICKET_KEY_ID);

/** The gate. The only function whose role may sign. */
export const handler = taskHandler('issue ticket', ticketInput, async (input): Promise<TicketOutput> => {
  const answer = await mayRun(parts, input);
  if ('refused' in answer) return { outcome: 'refused', reason: answer.refused };
  const { claims } = answer;
  await tickets.put(claims.execution_id, claims.attempt, await sign(claims), new Date(claims.exp * 1000));
  return { outcome: 'signed' };
});
