import type { DynamoDBStreamEvent } from 'aws-lambda';
import { dynamoExecutions } from '../../adapters/dynamo/executions.ts';
import { dynamoSandboxes } from '../../adapters/dynamo/sandboxes.ts';
import { fargateProvider } from '../../adapters/ecs/provider.ts';
import { ticketJwks } from '../../adapters/kms/ticket-key.ts';
import { invokeLater } from '../../adapters/lambda/invoke.ts';
import { taskTokens } from '../../adapters/sfn/machine.ts';
import { type KeeperParts, keepPool, largestLimits, stopOrphans, stopTask } from '../../core/sandbox/keep.ts';
import { readConfiguration } from '../../runtime/configuration.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { log } from '../../runtime/log.ts';
import { type RowChange, streamHandler } from '../../runtime/stream-handler.ts';
import { clock, ids, wait } from '../../runtime/system.ts';

const environment = environmentOf('events/keeper');
const configuration = readConfiguration();
let jwks: Promise<string> | null = null;

const parts: KeeperParts = {
  sandboxes: dynamoSandboxes(environment.SANDBOXES_TABLE),
  executions: dynamoExecutions({ executions: environment.EXECUTIONS_TABLE, audit: '' }),
  provider: fargateProvider({
    cluster: environment.CLUSTER_ARN,
    taskDefinition: environment.TASK_DEFINITION_ARN,
    subnets: environment.SUBNET_IDS.split(','),
    securityGroup: environment.SECURITY_GROUP_ID,
    containerName: 'sandbox',
    environment: async () => {
      jwks ??= ticketJwks(environment.TICKET_KEY_ID).catch((error: unknown) => {
        jwks = null;
        throw error;
      });
      return {
        AIRLOCK_TICKET_JWKS: await jwks,
        AIRLOCK_LIMITS: JSON.stringify(largestLimits(Object.values(configuration.environments).map(({ limits }) => limits))),
      };
    },
  }),
  tokens: taskTokens,
  probe: (sandbox) => invokeLater(environment.PROBE_FUNCTION, sandbox),
  clock,
  ids,
  settings: {
    poolSize: configuration.sandboxPool.size,
    spare: configuration.sandboxPool.spare,
    maxIdleSeconds: configuration.sandboxPool.max_idle_seconds,
    imageId: environment.SANDBOX_IMAGE_ID,
    ticketKeyId: environment.TICKET_KEY_ID,
    maxConcurrent: configuration.interpreter.max_concurrent_executions,
  },
};

const onRowChange = streamHandler('keeper', async (change) => {
  const { after } = change;
  if (after?.status === 'stopped' && statusChanged(change)) {
    await stopTask(parts, { task_arn: textOf(after.task_arn), reason: textOf(after.reason) ?? 'stopped' });
  }
});

/** Called by the sandboxes table's stream, by the clock, by ECS when a task changes, and by itself. */
export async function handler(event: DynamoDBStreamEvent | Record<string, unknown>) {
  if ('Records' in event) {
    const answer = await onRowChange(event as DynamoDBStreamEvent);
    const pass = await keepPool(parts);
    log.info('kept the pool', pass);
    // A stream waits for its function: following new tasks here would hold up every later change.
    if (pass.stillStarting > 0 && (await mayFollow())) await invokeLater(environment.KEEPER_FUNCTION, { follow: true });
    return answer;
  }
  if (!('follow' in event)) log.info('stopped orphans', { stopped: await stopOrphans(parts) });
  const pass = await keepPool(parts);
  log.info('kept the pool', pass);
  if ('follow' in event || (pass.stillStarting > 0 && (await mayFollow()))) await follow();
  return { batchItemFailures: [] };
}

const FOLLOW_MS = 15_000;
const FOLLOW_PAUSE_MS = 250;

/** One keeper at a time looks after new tasks. */
const mayFollow = (): Promise<boolean> => parts.sandboxes.lease('follow-starting', clock.now(), FOLLOW_MS + 5000);

/** New tasks get their address a moment after they start; after a while the clock looks after those that take longer. */
async function follow(): Promise<void> {
  const until = clock.now().getTime() + FOLLOW_MS;
  while (clock.now().getTime() < until && (await keepPool(parts)).stillStarting > 0) await wait(FOLLOW_PAUSE_MS);
  await parts.sandboxes.endLease('follow-starting');
}

const statusChanged = ({ before, after }: RowChange): boolean => before?.status !== after?.status;
const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
