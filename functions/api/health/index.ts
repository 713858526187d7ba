import { dynamoExecutions } from '../../adapters/dynamo/executions.ts';
import { dynamoSandboxes } from '../../adapters/dynamo/sandboxes.ts';
import { valkeyLiveLog } from '../../adapters/valkey/live-log.ts';
import * as routes from '../../contracts/routes/health.ts';
import { DEFAULT_POOL } from '../../core/sandbox/line.ts';
import { apiHandler, ok, route } from '../../runtime/api-handler.ts';
import { readConfiguration } from '../../runtime/configuration.ts';
import { environmentOf } from '../../runtime/environment.ts';

const environment = environmentOf('api/health');
const executions = dynamoExecutions({ executions: environment.EXECUTIONS_TABLE, audit: '' });
const sandboxes = dynamoSandboxes(environment.SANDBOXES_TABLE);
const live = valkeyLiveLog(environment.VALKEY_URL);
const { size } = readConfiguration().sandboxPool;

export const handler = apiHandler(environment, [
  route(routes.health, async () => {
    const [database, cache, pool] = await Promise.all([
      succeeds(executions.get('exec_health')),
      live.ping(),
      sandboxes.pool(DEFAULT_POOL).catch(() => null),
    ]);
    const checks = {
      database: word(database && pool !== null),
      live_events: word(cache),
      sandboxes: word((pool?.idle.length ?? 0) > 0),
    };
    const isFine = Object.values(checks).every((check) => check === 'ok');
    const counts = { idle: pool?.idle.length ?? 0, starting: pool?.starting.length ?? 0, size };
    return ok({ status: isFine ? ('ok' as const) : ('degraded' as const), checks, sandboxes: counts });
  }),
]);

const word = (isFine: boolean): 'ok' | 'failing' => (isFine ? 'ok' : 'failing');

const succeeds = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  );
