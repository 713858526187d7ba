import { dynamoExecutions } from '../../adapters/dynamo/executions.ts';
import { dynamoSandboxes } from '../../adapters/dynamo/sandboxes.ts';
import { dynamoUploads } from '../../adapters/dynamo/uploads.ts';
import { s3Objects } from '../../adapters/s3/objects.ts';
import { executionMachine } from '../../adapters/sfn/machine.ts';
import { valkeyLiveLog } from '../../adapters/valkey/live-log.ts';
import * as routes from '../../contracts/routes/executions.ts';
import { apiHandler, route } from '../../runtime/api-handler.ts';
import { readConfiguration } from '../../runtime/configuration.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { clock, ids } from '../../runtime/system.ts';
import { cancelExecution } from './cancel.ts';
import { execute } from './execute.ts';
import { getEvents, getExecution, getFile, listExecutions } from './read.ts';

const environment = environmentOf('api/executions');

const parts = {
  executions: dynamoExecutions({
    executions: environment.EXECUTIONS_TABLE,
    audit: environment.AUDIT_TABLE,
    ephemera: environment.EPHEMERA_TABLE,
  }),
  sandboxes: dynamoSandboxes(environment.SANDBOXES_TABLE),
  uploads: dynamoUploads(environment.EPHEMERA_TABLE),
  objects: s3Objects(environment.DATA_BUCKET),
  live: valkeyLiveLog(environment.VALKEY_URL),
  machine: executionMachine(environment.EXECUTION_STATE_MACHINE_ARN),
  configuration: readConfiguration(),
  imageId: environment.SANDBOX_IMAGE_ID,
  clock,
  ids,
};
export type Parts = typeof parts;

export const handler = apiHandler(environment, [
  route(routes.execute, (request) => execute(parts, request)),
  route(routes.listExecutions, (request) => listExecutions(parts, request)),
  route(routes.getExecution, (request) => getExecution(parts, request)),
  route(routes.getEvents, (request) => getEvents(parts, request)),
  route(routes.getFile, (request) => getFile(parts, request)),
  route(routes.cancelExecution, (request) => cancelExecution(parts, request)),
]);
