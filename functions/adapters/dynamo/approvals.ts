import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { GetCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { approval as approvalSchema } from '../../contracts/approval.ts';
import type { ApprovalStore } from '../../core/approval/ports.ts';
import { appendAudit, changeOf, createOnly, transact } from './changes.ts';
import { documents } from './client.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';

export function dynamoApprovals(tables: { approvals: string; audit?: string }): ApprovalStore {
  const auditTable = tables.audit ?? '';
  return {
    async get(approvalId) {
      const { Item } = await documents.send(
        new GetCommand({ TableName: tables.approvals, Key: { approval_id: approvalId }, ConsistentRead: true }),
      );
      return Item ? approvalSchema.parse(Item) : null;
    },

    async create(approval, record) {
      const row = createOnly(tables.approvals, 'approval_id', {
        ...approval,
        audit_length: record.sequence,
        audit_head: record.hash,
      });
      return (await transact([row, appendAudit(auditTable, record)])).outcome === 'written';
    },

    async save(before, after, record) {
      const change = changeOf(tables.approvals, { approval_id: before.approval_id }, before, after);
      return (await transact([change, appendAudit(auditTable, record)])).outcome === 'written' ? 'saved' : 'conflict';
    },

    async registerToken(approvalId, attempt, token) {
      try {
        const { Attributes } = await documents.send(
          new UpdateCommand({
            TableName: tables.approvals,
            Key: { approval_id: approvalId },
            UpdateExpression: 'SET task_token = :token, attempt = :attempt',
            // An earlier attempt never takes the place of a later one's token.
            ConditionExpression: 'attribute_exists(approval_id) AND attempt <= :attempt',
            ExpressionAttributeValues: { ':token': token, ':attempt': attempt },
            ReturnValues: 'ALL_NEW',
          }),
        );
        return Attributes ? approvalSchema.parse(Attributes) : null;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return null;
        throw error;
      }
    },

    async list(status, limit, cursor) {
      const start = decodeCursor(cursor);
      const { Items, LastEvaluatedKey } = await documents.send(
        new QueryCommand({
          TableName: tables.approvals,
          IndexName: 'by_status',
          KeyConditionExpression: '#status = :status',
          ExpressionAttributeNames: { '#status': 'status' },
          ExpressionAttributeValues: { ':status': status },
          ScanIndexForward: false,
          Limit: limit,
          ...(start ? { ExclusiveStartKey: start } : {}),
        }),
      );
      return { items: (Items ?? []).map((item) => approvalSchema.parse(item)), cursor: encodeCursor(LastEvaluatedKey) };
    },
  };
}
