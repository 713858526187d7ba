/** How somebody comes to one request from a message, without signing in. */
import { z } from 'zod';
import { timestamp } from './execution.ts';
import { userId } from './identity.ts';
import { approvalId } from './ids.ts';
import { sha256Hex } from './manifest.ts';

/** The row that the hash of a link's token leads to. */
export const personalLink = z.object({
  approval_id: approvalId,
  user_id: userId,
  /** Of all versions that could be decided on when the message was sent. */
  digests: z.array(sha256Hex).min(1),
  channel: z.literal('email'),
  created_at: timestamp,
  expires_at: timestamp,
});
export type PersonalLink = z.infer<typeof personalLink>;

/** The row that the hash of the cookie leads to which somebody who came by such a link has from then on. */
export const approvalVisit = z.object({
  approval_id: approvalId,
  user_id: userId,
  created_at: timestamp,
  expires_at: timestamp,
});
export type ApprovalVisit = z.infer<typeof approvalVisit>;
