import { dynamoApprovals } from '../../adapters/dynamo/approvals.ts';
import { dynamoExecutions } from '../../adapters/dynamo/executions.ts';
import { s3Objects } from '../../adapters/s3/objects.ts';
import { valkeyLiveLog } from '../../adapters/valkey/live-log.ts';
import { recordInput } from '../../contracts/tasks.ts';
import { record } from '../../core/execution/record.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { clock } from '../../runtime/system.ts';
import { taskHandler } from '../../runtime/task-handler.ts';

const environment = environmentOf('tasks/record');
const parts = {
  executions: dynamoExecutions({ executions: environment.EXECUTIONS_TABLE, audit: environment.AUDIT_TABLE }),
  approvals: dynamoApprovals({ approvals: environment.APPROVALS_TABLE }),
  objects: s3Objects(environment.DATA_BUCKET),
  live: valkeyLiveLog(environment.VALKEY_URL),
  clock,
};

export const handler = taskHandler('record', recordInput, (input) => record(parts, input));
