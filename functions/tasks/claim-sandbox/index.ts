import { dynamoExecutions } from '../../adapters/dynamo/executions.ts';
import { dynamoSandboxes } from '../../adapters/dynamo/sandboxes.ts';
import { executionInput } from '../../contracts/tasks.ts';
import { claimSandbox } from '../../core/sandbox/claim.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { clock } from '../../runtime/system.ts';
import { taskHandler } from '../../runtime/task-handler.ts';

const environment = environmentOf('tasks/claim-sandbox');
const parts = {
  executions: dynamoExecutions({ executions: environment.EXECUTIONS_TABLE, audit: environment.AUDIT_TABLE }),
  sandboxes: dynamoSandboxes(environment.SANDBOXES_TABLE),
  now: clock.now,
  random: Math.random,
  currentImageId: environment.SANDBOX_IMAGE_ID,
};

export const handler = taskHandler('claim sandbox', executionInput, (input) => claimSandbox(parts, input));
