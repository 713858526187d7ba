import { dynamoApprovals } from '../../adapters/dynamo/approvals.ts';
import { dynamoExecutions } from '../../adapters/dynamo/executions.ts';
import { dynamoSandboxes } from '../../adapters/dynamo/sandboxes.ts';
import { taskTokens } from '../../adapters/sfn/machine.ts';
import { joinLineInput } from '../../contracts/tasks.ts';
import { joinLine } from '../../core/sandbox/join.ts';
import { readConfiguration } from '../../runtime/configuration.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { clock } from '../../runtime/system.ts';
import { taskHandler } from '../../runtime/task-handler.ts';

const environment = environmentOf('tasks/join-line');
const parts = {
  executions: dynamoExecutions({ executions: environment.EXECUTIONS_TABLE, audit: environment.AUDIT_TABLE }),
  approvals: dynamoApprovals({ approvals: environment.APPROVALS_TABLE }),
  sandboxes: dynamoSandboxes(environment.SANDBOXES_TABLE),
  tokens: taskTokens,
  clock,
  maxConcurrent: readConfiguration().interpreter.max_concurrent_executions,
};

export const handler = taskHandler('join line', joinLineInput, (input) => joinLine(parts, input));
