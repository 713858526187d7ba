/**
 * Optimistic writes of audited entities. An entity's row counts its audit records, so "nobody wrote since this row was read" is one
 * comparison, and row and audit record are written in one transaction or not at all.
 */
import { TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import { TransactWriteCommand, type TransactWriteCommandInput } from '@aws-sdk/lib-dynamodb';
import { type AuditRecord, hourOf } from '../../contracts/audit.ts';
import { documents } from './client.ts';

type Item = Record<string, unknown>;
export type TransactItem = NonNullable<TransactWriteCommandInput['TransactItems']>[number];

export const appendAudit = (auditTable: string, record: AuditRecord): TransactItem => ({
  Put: {
    TableName: auditTable,
    // The hour is only where it is found; what the hash covers is the record.
    Item: { ...record, hour: hourOf(record.at) },
    // No record is ever written over.
    ConditionExpression: 'attribute_not_exists(entity_id)',
  },
});

export const createOnly = (table: string, key: string, item: Item): TransactItem => ({
  Put: {
    TableName: table,
    Item: item,
    ConditionExpression: 'attribute_not_exists(#key)',
    ExpressionAttributeNames: { '#key': key },
  },
});

/** Sets what is new or different in `after`, removes what only `before` has, on condition that nobody wrote in between. */
export function changeOf(table: string, key: Item, before: Item & { audit_length: number }, after: Item): TransactItem {
  const names: Record<string, string> = { '#audit_length': 'audit_length' };
  const values: Item = { ':read': before.audit_length };
  const sets: string[] = [];
  const removes: string[] = [];
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (name in key || JSON.stringify(before[name]) === JSON.stringify(after[name])) continue;
    names[`#${name}`] = name;
    if (after[name] === undefined) removes.push(`#${name}`);
    else {
      values[`:${name}`] = after[name];
      sets.push(`#${name} = :${name}`);
    }
  }
  const update = [sets.length > 0 ? `SET ${sets.join(', ')}` : '', removes.length > 0 ? `REMOVE ${removes.join(', ')}` : '']
    .join(' ')
    .trim();
  return {
    Update: {
      TableName: table,
      Key: key,
      UpdateExpression: update,
      ConditionExpression: '#audit_length = :read',
      ExpressionAttributeNames: names,
      ExpressionAttributeValues: values,
    },
  };
}

export type TransactionEnd =
  | { readonly outcome: 'written' }
  | { readonly outcome: 'refused'; readonly failedItems: readonly number[] };

/** Writes all or nothing; a clash with another transaction is tried again, a failed condition is an answer. */
export async function transact(items: TransactItem[]): Promise<TransactionEnd> {
  for (let tries = 1; ; tries += 1) {
    try {
      await documents.send(new TransactWriteCommand({ TransactItems: items }));
      return { outcome: 'written' };
    } catch (error) {
      if (!(error instanceof TransactionCanceledException)) throw error;
      const codes = (error.CancellationReasons ?? []).map((reason) => reason.Code);
      const failedItems = codes.flatMap((code, index) => (code === 'ConditionalCheckFailed' ? [index] : []));
      if (failedItems.length > 0) return { outcome: 'refused', failedItems };
      if (tries >= 6 || !codes.includes('TransactionConflict')) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10 * 2 ** tries * Math.random()));
    }
  }
}
