import { dynamoApprovals } from '../../adapters/dynamo/approvals.ts';
import { dynamoExecutions } from '../../adapters/dynamo/executions.ts';
import { dynamoIdentities } from '../../adapters/dynamo/identities.ts';
import { s3Objects } from '../../adapters/s3/objects.ts';
import { taskTokens } from '../../adapters/sfn/machine.ts';
import { awaitApprovalInput } from '../../contracts/tasks.ts';
import { awaitDecision } from '../../core/approval/await.ts';
import { readConfiguration } from '../../runtime/configuration.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { clock } from '../../runtime/system.ts';
import { taskHandler } from '../../runtime/task-handler.ts';

const environment = environmentOf('tasks/await-approval');
const parts = {
  executions: dynamoExecutions({ executions: environment.EXECUTIONS_TABLE, audit: environment.AUDIT_TABLE }),
  approvals: dynamoApprovals({ approvals: environment.APPROVALS_TABLE, audit: environment.AUDIT_TABLE }),
  identities: dynamoIdentities({ identity: environment.IDENTITY_TABLE }),
  objects: s3Objects(environment.DATA_BUCKET),
  tokens: taskTokens,
  configuration: readConfiguration(),
  clock,
};

export const handler = taskHandler('await approval', awaitApprovalInput, (input) => awaitDecision(parts, input));
