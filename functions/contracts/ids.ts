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
export const standingApprovalId = z
  .string()
  .regex(/^std_[0-9a-f]{64}$/, 'expected an id like std_ and 64 hexadecimal characters');
/** Of a request's change, by its number in the request's audit chain. */
export const approvalNoticeId = z.string().regex(/^ntc_[0-9a-f-]{36}_\d{6}_\d$/, 'expected an id like ntc_0198…_000001_0');
/** Of one message: the notice it is about, its channel, and its recipient by a hash. */
export const deliveryId = z
  .string()
  .regex(/^dlv_[0-9a-f-]{36}_\d{6}_\d_[a-z]+_[0-9a-f]{16}$/, 'expected an id like dlv_0198…_000001_0_email_…');
export const fileId = prefixedUuid('file');

/** One approval request per execution for now, under the same UUID: whoever knows one id knows the other. */
export const approvalIdOf = (execution: string): string => execution.replace(/^exec_/, 'apr_');
