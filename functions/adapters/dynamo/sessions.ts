import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { DeleteCommand, GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { pendingChallenge, session as sessionSchema } from '../../contracts/sign-in.ts';
import type { ChallengeStore, SessionStore } from '../../core/identity/sign-in.ts';
import { documents } from './client.ts';

const sessionKey = (sessionId: string) => ({ pk: `session#${sessionId}`, sk: '-' });
const challengeKey = (idHash: string) => ({ pk: `challenge#${idHash}`, sk: '-' });
const inSeconds = (timestamp: string): number => Math.ceil(Date.parse(timestamp) / 1000);

/** What the user pool gave is worth as much as a sign-in, so it lies in no table as it came. */
export interface Sealer {
  /** `place` is what the sealed text belongs to: it opens nowhere else. */
  seal(text: string, place: string): Promise<string>;
  open(sealed: string, place: string): Promise<string>;
}

export function dynamoSessions(ephemeraTable: string, sealer: Sealer): SessionStore {
  return {
    async create(session) {
      const key = sessionKey(session.session_id);
      const provider_refresh_token = await sealer.seal(session.provider_refresh_token, key.pk);
      const item = { ...key, ...session, provider_refresh_token, expires_at_seconds: inSeconds(session.expires_at) };
      await documents.send(new PutCommand({ TableName: ephemeraTable, Item: item }));
    },

    async get(sessionId) {
      const { Item } = await documents.send(
        new GetCommand({ TableName: ephemeraTable, Key: sessionKey(sessionId), ConsistentRead: true }),
      );
      // A row that says less than it must, as those of before did, is none.
      const { data: found } = sessionSchema.safeParse(Item);
      if (!found) return null;
      const { pk } = sessionKey(sessionId);
      return { ...found, provider_refresh_token: await sealer.open(found.provider_refresh_token, pk) };
    },

    async rotate({ session_id, current_sha256: current, provider_refresh_token: held }, next) {
      const { pk } = sessionKey(session_id);
      // The pool mostly goes on with the token it gave at first.
      const given = next.provider_refresh_token === held ? null : await sealer.seal(next.provider_refresh_token, pk);
      try {
        await documents.send(
          new UpdateCommand({
            TableName: ephemeraTable,
            Key: sessionKey(session_id),
            UpdateExpression: `SET previous_sha256 = :used, current_sha256 = :next, rotated_at = :now${given === null ? '' : ', provider_refresh_token = :provider'}`,
            // Nobody rotated it since it was read, and it has not ended.
            ConditionExpression: 'current_sha256 = :current AND ended = :no',
            ExpressionAttributeValues: {
              ':next': next.current_sha256,
              ':current': current,
              ':used': next.previous_sha256,
              ...(given === null ? {} : { ':provider': given }),
              ':now': next.rotated_at,
              ':no': false,
            },
          }),
        );
        return true;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        throw error;
      }
    },

    async end(sessionId) {
      try {
        await documents.send(
          new UpdateCommand({
            TableName: ephemeraTable,
            Key: sessionKey(sessionId),
            UpdateExpression: 'SET ended = :yes',
            ConditionExpression: 'attribute_exists(pk)',
            ExpressionAttributeValues: { ':yes': true },
          }),
        );
      } catch (error) {
        // It never was, or its time is over.
        if (!(error instanceof ConditionalCheckFailedException)) throw error;
      }
    },
  };
}

export function dynamoChallenges(ephemeraTable: string, sealer: Sealer): ChallengeStore {
  return {
    async put(idHash, pending) {
      const key = challengeKey(idHash);
      const { held_refresh_token: held } = pending;
      const held_refresh_token = held === null ? null : await sealer.seal(held, key.pk);
      const expires_at_seconds = inSeconds(pending.expires_at);
      const item = { ...key, ...pending, held_refresh_token, tries: 0, expires_at_seconds };
      await documents.send(new PutCommand({ TableName: ephemeraTable, Item: item }));
    },

    async attempt(idHash, now, most) {
      try {
        const { Attributes } = await documents.send(
          new UpdateCommand({
            TableName: ephemeraTable,
            Key: challengeKey(idHash),
            UpdateExpression: 'ADD tries :one',
            ConditionExpression: 'attribute_exists(pk) AND tries < :most AND expires_at > :now',
            ExpressionAttributeValues: { ':one': 1, ':most': most, ':now': now.toISOString() },
            ReturnValues: 'ALL_NEW',
          }),
        );
        const found = pendingChallenge.parse(Attributes);
        const { held_refresh_token: held } = found;
        return { ...found, held_refresh_token: held === null ? null : await sealer.open(held, challengeKey(idHash).pk) };
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return null;
        throw error;
      }
    },

    async remove(idHash) {
      await documents.send(new DeleteCommand({ TableName: ephemeraTable, Key: challengeKey(idHash) }));
    },
  };
}
