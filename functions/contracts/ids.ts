import { z } from 'zod';

/** Ids are a prefix and a UUIDv7, `exec_0198…`: sorting by id sorts by time of creation. */
const prefixedUuid = (prefix: string) =>
  z
    .string()
    .regex(
      new RegExp(`^${prefix}_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`),
      `expected an id like ${prefix}_0198…`,
    );

export const executionId = prefixedUuid('exec');
export const approvalId = prefixedUuid('apr');
export const sandboxId = prefixedUuid('sbx');
export const fileId = prefixedUuid('file');

/** One approval request per execution for now, under the same UUID: whoever knows one id knows the other. */
export const approvalIdOf = (execution: string): string => execution.replace(/^exec_/, 'apr_');
