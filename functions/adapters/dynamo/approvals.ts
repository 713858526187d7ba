import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { GetCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { type Approval, approval as approvalSchema, standingApproval } from '../../contracts/approval.ts';
import type { ApprovalNotice } from '../../contracts/approval-notice.ts';
import type { Alike, ApprovalStore, StandingChange } from '../../core/approval/ports.ts';
import { appendAudit, changeOf, createOnly, type TransactItem, transact } from './changes.ts';
import { documents } from './client.ts';
import { encodeCursor, readFrom } from './cursor.ts';

export function dynamoApprovals(tables: { approvals: string; audit?: string }): ApprovalStore {
  const auditTable = tables.audit ?? '';

  function alongside(notices: readonly ApprovalNotice[], standing: StandingChange | undefined): TransactItem[] {
    const outbox = notices.map((notice) =>
      createOnly(tables.approvals, 'approval_id', { approval_id: notice.notice_id, ...notice }),
    );
    return standing ? [...outbox, standingChange(standing), appendAudit(auditTable, standing.record)] : outbox;
  }

  function standingChange({ before, after }: StandingChange): TransactItem {
    const Key = { approval_id: after.standing_approval_id };
    return before
      ? changeOf(tables.approvals, Key, before, after)
      : createOnly(tables.approvals, 'approval_id', { ...Key, ...after });
  }

  const listByStatus = (status: string, limit: number, cursor: string | null) =>
    listIn({ index: 'by_status', name: 'status', value: status }, limit, cursor);

  async function listIn(
    { index, name, value }: { readonly index: string; readonly name: string; readonly value: string },
    limit: number,
    cursor: string | null,
  ) {
    return await readFrom(cursor, async (start) => {
      const { Items, LastEvaluatedKey } = await documents.send(
        new QueryCommand({
          TableName: tables.approvals,
          IndexName: index,
          KeyConditionExpression: '#name = :value',
          ExpressionAttributeNames: { '#name': name },
          ExpressionAttributeValues: { ':value': value },
          ScanIndexForward: false,
          Limit: limit,
          ...(start ? { ExclusiveStartKey: start } : {}),
        }),
      );
      return { items: Items ?? [], cursor: encodeCursor(LastEvaluatedKey) };
    });
  }

  return {
    async get(approvalId) {
      const { Item } = await documents.send(
        new GetCommand({ TableName: tables.approvals, Key: { approval_id: approvalId }, ConsistentRead: true }),
      );
      return Item ? approvalSchema.parse(Item) : null;
    },

    async create(approval, record, notices = [], standing) {
      const row = createOnly(tables.approvals, 'approval_id', {
        ...approval,
        ...alikeOf(approval),
        audit_length: record.sequence,
        audit_head: record.hash,
      });
      const written = await transact([row, appendAudit(auditTable, record), ...alongside(notices, standing)]);
      if (written.outcome === 'written') return 'created';
      return written.failedItems.includes(0) ? 'exists' : 'conflict';
    },

    async save(before, after, record, notices = [], standing) {
      const change = changeOf(tables.approvals, { approval_id: before.approval_id }, before, after);
      const items = [change, appendAudit(auditTable, record), ...alongside(notices, standing)];
      return (await transact(items)).outcome === 'written' ? 'saved' : 'conflict';
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
      const page = await listByStatus(status, limit, cursor);
      return { ...page, items: page.items.map((item) => approvalSchema.parse(item)) };
    },

    async listAlike(alike, limit, cursor) {
      const page = await listIn({ index: 'by_alike', name: 'asked_alike', value: askedAlike(alike) }, limit, cursor);
      return { ...page, items: page.items.map((item) => approvalSchema.parse(item)) };
    },

    async getStanding(standingId) {
      const { Item } = await documents.send(
        new GetCommand({ TableName: tables.approvals, Key: { approval_id: standingId }, ConsistentRead: true }),
      );
      return Item ? standingApproval.parse(Item) : null;
    },

    async saveStanding(change) {
      return (await transact(alongside([], change))).outcome === 'written' ? 'saved' : 'conflict';
    },

    async listStanding(limit, cursor) {
      const page = await listByStatus('standing', limit, cursor);
      return { ...page, items: page.items.map((item) => standingApproval.parse(item)) };
    },
  };
}

const askedAlike = ({ requester_id, operation_type, label }: Alike): string => `${requester_id} ${operation_type} ${label}`;

/** What it is found by later; runs are found by their executions. */
const alikeOf = ({ execution_id, requester, operation_type, label }: Approval): { asked_alike?: string } =>
  execution_id === null && label !== null
    ? { asked_alike: askedAlike({ requester_id: requester.user_id, operation_type, label }) }
    : {};
