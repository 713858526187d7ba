import { z } from 'zod';
import { COMMENT_MAX_LENGTH } from '../approval.ts';
import { approvalId } from '../ids.ts';
import { defineRoute } from '../route.ts';
import { ownPath } from './page-sign-in.ts';
import { cursor } from './paging.ts';

/** Content goes out as it is rendered; what a page shows comes from the contracts of the API. */
const rendered = z.null();
const shownOrLed = { 200: rendered, 303: rendered } as const;

/** What browsers send of a form: text, and an empty one for what was left empty. */
const field = z.string().max(4096);
const csrf_token = z.string().max(128);

/** Which requests the list shows: by whose turn it is, or by how they ended. */
export const approvalsShown = z.enum(['to_decide', 'open', 'escalated', 'mine', 'approved', 'denied', 'expired', 'withdrawn']);
export type ApprovalsShown = z.infer<typeof approvalsShown>;

export const showApprovals = defineRoute({
  id: 'showApprovals',
  method: 'GET',
  path: '/approvals',
  permission: 'read_state',
  summary: 'The requests you may see, for people.',
  page: true,
  query: z.strictObject({ show: approvalsShown.default('to_decide'), cursor: cursor.optional() }),
  responses: shownOrLed,
});

const approvalParams = z.strictObject({ approval_id: approvalId });

export const showApproval = defineRoute({
  id: 'showApproval',
  method: 'GET',
  path: '/approvals/{approval_id}',
  permission: 'read_state',
  summary:
    'What would run, at what risk, and who decides; with a form for whoever may. `all` shows long code whole, which a decision wants.',
  page: true,
  byLink: true,
  params: approvalParams,
  query: z.strictObject({
    all: z.literal('1').optional(),
    done: z.enum(['decided', 'handed_on', 'commented', 'withdrawn']).optional(),
  }),
  responses: shownOrLed,
});

export const decideOnPage = defineRoute({
  id: 'decideOnPage',
  method: 'POST',
  path: '/approvals/{approval_id}/decision',
  permission: 'approve',
  summary: 'The form of a decision. Its nonce is good once, for this person, on what was shown.',
  page: true,
  byLink: true,
  params: approvalParams,
  body: z.strictObject({
    csrf_token,
    nonce: z.string().max(256),
    digest: z.string().max(64),
    decision: z.enum(['approve', 'tighten', 'deny']).optional(),
    rationale: field.default(''),
    timeout_seconds: field.default(''),
    memory_mib: field.default(''),
    cpu: field.default(''),
    standing_runs: field.default(''),
    standing_days: field.default(''),
  }),
  // A form writes a letter of some scripts as nine characters.
  bodyMaxBytes: 64 * 1024,
  responses: { 303: rendered },
});

export const delegateOnPage = defineRoute({
  id: 'delegateOnPage',
  method: 'POST',
  path: '/approvals/{approval_id}/delegate',
  permission: 'approve',
  summary:
    'The form with which an approver hands their place to somebody else, named by address; for so many hours, or for good.',
  page: true,
  params: approvalParams,
  body: z.strictObject({ csrf_token, to: field, hours: field.default(''), reason: z.string().max(1000).default('') }),
  responses: { 303: rendered },
});

export const commentOnPage = defineRoute({
  id: 'commentOnPage',
  method: 'POST',
  path: '/approvals/{approval_id}/comments',
  permission: 'read_state',
  summary: 'The form of a comment.',
  page: true,
  params: approvalParams,
  body: z.strictObject({ csrf_token, text: z.string().trim().min(1).max(COMMENT_MAX_LENGTH) }),
  responses: { 303: rendered },
});

export const withdrawOnPage = defineRoute({
  id: 'withdrawOnPage',
  method: 'POST',
  path: '/approvals/{approval_id}/withdraw',
  permission: 'execute_code',
  summary: 'The form with which whoever asked takes it back.',
  page: true,
  params: approvalParams,
  body: z.strictObject({ csrf_token }),
  responses: { 303: rendered },
});

/** Set where a decision wants a session that was opened with a second factor. */
const asked = z.literal('1').optional();

export const showSignIn = defineRoute({
  id: 'showSignIn',
  method: 'GET',
  path: '/sign-in',
  permission: 'public',
  summary: 'The form to sign in with; whoever is signed in goes on to where they wanted.',
  page: true,
  query: z.strictObject({ return_to: ownPath.default('/approvals'), second_factor: asked }),
  responses: shownOrLed,
});

const return_to = ownPath.default('/approvals');

export const signInOnPage = defineRoute({
  id: 'signInOnPage',
  method: 'POST',
  path: '/sign-in',
  permission: 'public',
  summary: 'E-mail and password, or the answer to the challenge that came of them.',
  limits: 'sign_in',
  page: true,
  body: z.union([
    z.strictObject({ return_to, email: z.string().max(254), password: z.string().max(256), second_factor: asked }),
    z.strictObject({ return_to, challenge_id: z.string().max(64), code: z.string().max(16) }),
    z.strictObject({ return_to, challenge_id: z.string().max(64), new_password: z.string().max(256) }),
  ]),
  responses: shownOrLed,
});

export const signOutOnPage = defineRoute({
  id: 'signOutOnPage',
  method: 'POST',
  path: '/sign-out',
  permission: 'public',
  summary: 'Ends the session of the page, also one that would first have to be renewed.',
  page: true,
  body: z.strictObject({ csrf_token }),
  responses: { 303: rendered },
});
