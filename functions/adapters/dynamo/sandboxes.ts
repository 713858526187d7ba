import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { GetCommand, UpdateCommand, type UpdateCommandInput } from '@aws-sdk/lib-dynamodb';
import { sandbox as sandboxSchema } from '../../contracts/sandbox.ts';
import type { Place, SandboxStore } from '../../core/sandbox/ports.ts';
import { createOnly, transact } from './changes.ts';
import { documents } from './client.ts';

/**
 * Beside the sandboxes' rows, one item a pool holds three sets: `starting`, `idle` and `admitted`. A set's size in a condition bounds
 * it exactly under any number of writers, and adding or removing a member twice is once.
 */
export function dynamoSandboxes(table: string): SandboxStore {
  const poolKey = (pool: string) => ({ sandbox_id: `pool#${pool}` });

  const leavePool = async (sandboxId: string, pool: string): Promise<void> => {
    await documents.send(
      new UpdateCommand({
        TableName: table,
        Key: poolKey(pool),
        UpdateExpression: 'DELETE #starting :member, #idle :member',
        ExpressionAttributeNames: { '#starting': 'starting', '#idle': 'idle' },
        ExpressionAttributeValues: { ':member': new Set([sandboxId]) },
      }),
    );
  };

  return {
    async get(sandboxId) {
      const { Item } = await documents.send(
        new GetCommand({ TableName: table, Key: { sandbox_id: sandboxId }, ConsistentRead: true }),
      );
      return Item ? sandboxSchema.parse(Item) : null;
    },

    async pool(pool) {
      const { Item } = await documents.send(new GetCommand({ TableName: table, Key: poolKey(pool), ConsistentRead: true }));
      return {
        starting: members(Item?.starting),
        idle: members(Item?.idle),
        admitted: members(Item?.admitted).map(placeOf),
        mean_start_seconds: meanOf(Item?.start_ms, Item?.starts),
        mean_run_seconds: meanOf(Item?.run_ms, Item?.runs),
      };
    },

    async addStarting(sandbox, size) {
      for (let tries = 0; tries < 5; tries += 1) {
        const { Item } = await documents.send(
          new GetCommand({ TableName: table, Key: poolKey(sandbox.pool), ConsistentRead: true }),
        );
        const starting = members(Item?.starting).length;
        const idle = members(Item?.idle).length;
        if (starting + idle >= size) return false;
        const join = {
          Update: {
            TableName: table,
            Key: poolKey(sandbox.pool),
            UpdateExpression: 'ADD #starting :member',
            // Neither set grew since it was read, so that the sum of both stays below the size.
            ConditionExpression: `${sizeIs('#starting', starting)} AND ${sizeIs('#idle', idle)}`,
            ExpressionAttributeNames: { '#starting': 'starting', '#idle': 'idle' },
            ExpressionAttributeValues: {
              ':member': new Set([sandbox.sandbox_id]),
              ...(starting > 0 ? { ':starting': starting } : {}),
              ...(idle > 0 ? { ':idle': idle } : {}),
            },
          },
        };
        const written = await transact([join, createOnly(table, 'sandbox_id', sandbox)]);
        if (written.outcome === 'written') return true;
      }
      return false;
    },

    async setTask(sandboxId, taskArn) {
      await succeeds({
        TableName: table,
        Key: { sandbox_id: sandboxId },
        UpdateExpression: 'SET task_arn = :arn',
        ConditionExpression: 'attribute_exists(sandbox_id)',
        ExpressionAttributeValues: { ':arn': taskArn },
      });
    },

    beginProbe: (sandboxId, now, againAfterMs) =>
      succeeds({
        TableName: table,
        Key: { sandbox_id: sandboxId },
        UpdateExpression: 'SET probed_at = :now',
        ConditionExpression: '#status = :starting AND (attribute_not_exists(probed_at) OR probed_at < :before)',
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: {
          ':now': now.toISOString(),
          ':starting': 'starting',
          ':before': new Date(now.getTime() - againAfterMs).toISOString(),
        },
      }),

    lease: (name, now, milliseconds) =>
      succeeds({
        TableName: table,
        Key: { sandbox_id: `lease#${name}` },
        UpdateExpression: 'SET leased_until = :until',
        ConditionExpression: 'attribute_not_exists(leased_until) OR leased_until < :now',
        ExpressionAttributeValues: { ':until': new Date(now.getTime() + milliseconds).toISOString(), ':now': now.toISOString() },
      }),

    async endLease(name) {
      await documents.send(
        new UpdateCommand({ TableName: table, Key: { sandbox_id: `lease#${name}` }, UpdateExpression: 'REMOVE leased_until' }),
      );
    },

    async markIdle(sandboxId, facts, now) {
      const row = await this.get(sandboxId);
      if (row?.status !== 'starting') return false;
      const written = await transact([
        {
          Update: {
            TableName: table,
            Key: { sandbox_id: sandboxId },
            UpdateExpression: 'SET #status = :idle, task_arn = :arn, address = :address, image_id = :image, updated_at = :now',
            ConditionExpression: '#status = :starting',
            ExpressionAttributeNames: { '#status': 'status' },
            ExpressionAttributeValues: {
              ':idle': 'idle',
              ':starting': 'starting',
              ':arn': facts.task_arn,
              ':address': facts.address,
              ':image': facts.image_id,
              ':now': now.toISOString(),
            },
          },
        },
        {
          Update: {
            TableName: table,
            Key: poolKey(row.pool),
            UpdateExpression: 'ADD #idle :member, starts :one, start_ms :took DELETE #starting :member',
            ExpressionAttributeNames: { '#starting': 'starting', '#idle': 'idle' },
            ExpressionAttributeValues: {
              ':member': new Set([sandboxId]),
              ':one': 1,
              ':took': now.getTime() - Date.parse(row.created_at),
            },
          },
        },
      ]);
      return written.outcome === 'written';
    },

    async claim(sandboxId, execution, now) {
      try {
        const { Attributes } = await documents.send(
          new UpdateCommand({
            TableName: table,
            Key: { sandbox_id: sandboxId },
            UpdateExpression: 'SET #status = :claimed, execution_id = :execution, attempt = :attempt, updated_at = :now',
            // Nobody claimed it, and it runs the image that was approved.
            ConditionExpression: '#status = :idle AND image_id = :image',
            ExpressionAttributeNames: { '#status': 'status' },
            ExpressionAttributeValues: {
              ':claimed': 'claimed',
              ':idle': 'idle',
              ':execution': execution.execution_id,
              ':attempt': execution.attempt,
              ':image': execution.image_id,
              ':now': now.toISOString(),
            },
            ReturnValues: 'ALL_NEW',
          }),
        );
        const row = sandboxSchema.parse(Attributes);
        return row.status === 'claimed' ? row : null;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return null;
        throw error;
      }
    },

    leavePool,

    async markStopped(sandboxId, reason, now) {
      const row = await this.get(sandboxId);
      if (!row) return false;
      const isStopped = await succeeds({
        TableName: table,
        Key: { sandbox_id: sandboxId },
        UpdateExpression: 'SET #status = :stopped, reason = :reason, updated_at = :now, expires_at_seconds = :expires',
        ConditionExpression: 'attribute_exists(sandbox_id) AND #status <> :stopped',
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: {
          ':stopped': 'stopped',
          ':reason': reason,
          ':now': now.toISOString(),
          ':expires': Math.floor(now.getTime() / 1000) + KEPT_AFTER_STOP_SECONDS,
        },
      });
      await leavePool(sandboxId, row.pool);
      return isStopped;
    },

    admit: (pool, place, most) =>
      succeeds({
        TableName: table,
        Key: poolKey(pool),
        UpdateExpression: 'ADD #admitted :member, #own :member',
        ConditionExpression:
          'contains(#admitted, :id) OR ((attribute_not_exists(#admitted) OR size(#admitted) < :inAll) AND (attribute_not_exists(#own) OR size(#own) < :ofUser))',
        ExpressionAttributeNames: { '#admitted': 'admitted', '#own': ownPlaces(place) },
        ExpressionAttributeValues: {
          ':member': new Set([memberOf(place)]),
          ':id': memberOf(place),
          ':inAll': most.inAll,
          ':ofUser': Math.min(most.ofUser, most.inAll),
        },
      }),

    async releasePlace(pool, place, usedSeconds) {
      await succeeds({
        TableName: table,
        Key: poolKey(pool),
        UpdateExpression: `DELETE #admitted :member, #own :member${usedSeconds === null ? '' : ' ADD runs :one, run_ms :used'}`,
        // It still holds the place: what is repeated counts once.
        ConditionExpression: 'contains(#admitted, :id)',
        ExpressionAttributeNames: { '#admitted': 'admitted', '#own': ownPlaces(place) },
        ExpressionAttributeValues: {
          ':member': new Set([memberOf(place)]),
          ':id': memberOf(place),
          ...(usedSeconds === null ? {} : { ':one': 1, ':used': Math.round(usedSeconds * 1000) }),
        },
      });
    },
  };
}

/** The places of one person are a set of their own beside all of them, so that its size can be a condition. */
const ownPlaces = ({ user_id }: Place): string => `admitted#${user_id}`;

/** Members of a set are strings; neither id holds a space. */
const memberOf = ({ execution_id, user_id }: Place): string => `${execution_id} ${user_id}`;

function placeOf(member: string): Place {
  const [execution_id = '', user_id = ''] = member.split(' ');
  return { execution_id, user_id };
}

const meanOf = (milliseconds: unknown, count: unknown): number | null =>
  typeof milliseconds === 'number' && typeof count === 'number' && count > 0 ? milliseconds / count / 1000 : null;

/** A week to look at what happened to a sandbox; then its row expires. */
const KEPT_AFTER_STOP_SECONDS = 7 * 24 * 3600;

/** An empty set does not exist in DynamoDB. */
const sizeIs = (name: '#starting' | '#idle', size: number): string =>
  size === 0 ? `attribute_not_exists(${name})` : `size(${name}) = ${name.replace('#', ':')}`;

const members = (value: unknown): string[] => (value instanceof Set ? [...value].map(String) : []);

/** False when the condition does not hold. */
async function succeeds(input: UpdateCommandInput): Promise<boolean> {
  try {
    await documents.send(new UpdateCommand(input));
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw error;
  }
}
