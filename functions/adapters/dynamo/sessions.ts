import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { DeleteCommand, GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { pendingChallenge, session as sessionSchema } from '../../contracts/sign-in.ts';
import type { ChallengeStore, SessionStore } from '../../core/identity/sign-in.ts';
import { documents } from './client.ts';

const sessionKey = (sessionId: string) => ({ pk: `session#${sessionId}`, sk: '-' });
const challengeKey = (idHash: string) => ({ pk: `challenge#${idHash}`, sk: '-' });
const inSeconds = (timestamp: string): number => Math.ceil(Date.parse(timestamp) / 1000);

export function dynamoSessions(ephemeraTable: string): SessionStore {
  return {
    async create(session) {
      const item = { ...sessionKey(session.session_id), ...session, expires_at_seconds: inSeconds(session.expires_at) };
      await documents.send(new PutCommand({ TableName: ephemeraTable, Item: item }));
    },

    async get(sessionId) {
      const { Item } = await documents.send(
        new GetCommand({ TableName: ephemeraTable, Key: sessionKey(sessionId), ConsistentRead: true }),
      );
      return Item ? sessionSchema.parse(Item) : null;
    },

    async rotate({ session_id, current_sha256: current }, next) {
      try {
        await documents.send(
          new UpdateCommand({
            TableName: ephemeraTable,
            Key: sessionKey(session_id),
            UpdateExpression:
              'SET previous_sha256 = current_sha256, current_sha256 = :next, provider_refresh_token = :provider, rotated_at = :now',
            // Nobody rotated it since it was read, and it has not ended.
            ConditionExpression: 'current_sha256 = :current AND ended = :no',
            ExpressionAttributeValues: {
              ':next': next.current_sha256,
              ':current': current,
              ':provider': next.provider_refresh_token,
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

export function dynamoChallenges(ephemeraTable: string): ChallengeStore {
  return {
    async put(idHash, pending) {
      const item = { ...challengeKey(idHash), ...pending, tries: 0, expires_at_seconds: inSeconds(pending.expires_at) };
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
        return pendingChallenge.parse(Attributes);
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
