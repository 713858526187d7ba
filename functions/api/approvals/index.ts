import { dynamoApprovals } from '../../adapters/dynamo/approvals.ts';
import { dynamoExecutions } from '../../adapters/dynamo/executions.ts';
import { dynamoIdentities } from '../../adapters/dynamo/identities.ts';
import { dynamoNonces } from '../../adapters/dynamo/nonces.ts';
import { dynamoDeliveries } from '../../adapters/dynamo/notifications.ts';
import { dynamoOperationKeys } from '../../adapters/dynamo/operation-keys.ts';
import { dynamoPersonalLinks, dynamoVisits } from '../../adapters/dynamo/personal-links.ts';
import { s3Objects } from '../../adapters/s3/objects.ts';
import type { Approval, ApprovalView } from '../../contracts/approval.ts';
import type { IdentityRecord } from '../../contracts/identity.ts';
import * as routes from '../../contracts/routes/approvals.ts';
import { reachesStanding } from '../../core/approval/access.ts';
import { readAsked } from '../../core/approval/asked.ts';
import { contextOf } from '../../core/approval/context.ts';
import { hasExpired } from '../../core/approval/decide.ts';
import { dryRun } from '../../core/approval/dry-run.ts';
import { capacityOf } from '../../core/approval/eligibility.ts';
import { listFor, listStandingFor } from '../../core/approval/list.ts';
import { messagesWithin } from '../../core/approval/message-metrics.ts';
import { endedWithin, metricsOf } from '../../core/approval/metrics.ts';
import { addComment, type Delegate, delegate, whyNoPlace, withdrawByRequester } from '../../core/approval/places.ts';
import { revoke } from '../../core/approval/standing.ts';
import { decidable } from '../../core/approval/versions.ts';
import { approvalSummaryOf, approvalViewOf } from '../../core/approval/view.ts';
import { type Actor, hasSecondFactor, permissionsOf } from '../../core/identity/actor.ts';
import { authorize } from '../../core/identity/authorize.ts';
import { apiHandler, ok, route } from '../../runtime/api-handler.ts';
import { approvalChanges, type Change, notFound } from '../../runtime/approval-changes.ts';
import { decision, delegatorsOf } from '../../runtime/approval-decision.ts';
import { authentication } from '../../runtime/authentication.ts';
import { readConfiguration } from '../../runtime/configuration.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { ApiError, refuseCursor } from '../../runtime/errors.ts';
import { everybody } from '../../runtime/everybody.ts';
import { unreadableRow } from '../../runtime/log.ts';
import { clock } from '../../runtime/system.ts';
import { approvalLinks, type LinkParts } from './links.ts';
import { approvalPages } from './pages.ts';
import { requestApproval } from './request.ts';

const environment = environmentOf('api/approvals');
const configuration = readConfiguration();
const approvals = dynamoApprovals({ approvals: environment.APPROVALS_TABLE, audit: environment.AUDIT_TABLE });
const executions = dynamoExecutions({ executions: environment.EXECUTIONS_TABLE, audit: environment.AUDIT_TABLE });
const identities = dynamoIdentities({ identity: environment.IDENTITY_TABLE });
const objects = s3Objects(environment.DATA_BUCKET);
const decideAs = decision({ approvals, identities, objects, clock });
const { seenRequest, change } = approvalChanges({ approvals, executions });

const deliveries = dynamoDeliveries(environment.NOTIFICATIONS_TABLE, unreadableRow);
const operationKeys = dynamoOperationKeys(environment.EPHEMERA_TABLE);
const nonces = dynamoNonces(environment.EPHEMERA_TABLE);
const authenticate = authentication(environment);

export const handler = apiHandler(environment, [
  route(routes.listApprovals, async ({ actor, query }) => {
    const now = clock.now();
    const { status = 'open', whose = 'all', limit = 20, cursor = null } = query;
    const escalated = query.escalated !== undefined;
    const page = await listFor(approvals, actor, { status, whose, escalated, limit, cursor }, now).catch(refuseCursor);
    return ok({ approvals: page.items.map((row) => approvalSummaryOf(row, now)), next_cursor: page.cursor });
  }),

  route(routes.requestApproval, async (request) => {
    const approval = await requestApproval({ approvals, identities, objects, operationKeys, configuration, clock }, request);
    const headers = { location: `/api/v1/approvals/${approval.approval_id}` };
    return { status: 201 as const, body: await viewOf(approval), headers };
  }),

  route(routes.getApproval, async ({ actor, params }) => ok(await viewOf(await seenRequest(actor, params.approval_id)))),

  route(routes.decideApproval, async ({ actor, params, body }) =>
    changed(actor, params.approval_id, (request) =>
      decideAs(request, actor, body, { channel: 'api', secondFactor: hasSecondFactor(actor) }),
    ),
  ),

  route(routes.delegateApproval, async ({ actor, params, body }) => {
    const wanted = { until: body.until ?? null, reason: body.reason ?? null };
    return await changed(actor, params.approval_id, async (request) => {
      const noPlace = whyNoPlace(request, actor, clock.now());
      if (noPlace) return noPlace;
      const to = await identities.get(body.to);
      if (!to || to.disabled || !mayApprove(to)) throw nobodyToHandTo(body.to);
      return delegate(request, actor, { ...to, mayApprove: true }, wanted, clock.now());
    });
  }),

  route(routes.commentOnApproval, async ({ actor, params, body }) =>
    changed(actor, params.approval_id, (request) => addComment(request, actor, body.text, clock.now())),
  ),

  route(routes.withdrawApproval, async ({ actor, params, body }) =>
    changed(actor, params.approval_id, (request) => withdrawByRequester(request, actor, body.reason ?? null, clock.now())),
  ),

  route(routes.getApprovalMetrics, async ({ query }) => {
    const { to = clock.now().toISOString() } = query;
    const { from = new Date(Date.parse(to) - METRICS_MS).toISOString() } = query;
    if (from >= to) {
      const errors = [{ field: 'query.from', expected: `a time before ${to}`, received: from }];
      throw new ApiError('validation_failed', 'The time ends before it begins.', { errors });
    }
    const time = { from, to };
    const [{ rows, complete }, notifications] = await Promise.all([
      endedWithin(approvals, time),
      messagesWithin(deliveries, time, clock.now()),
    ]);
    return ok({ ...metricsOf(rows, time, complete), notifications });
  }),

  route(routes.listApprovalRules, async () => ok({ rules: configuration.approvalRules })),

  route(routes.dryRunApprovalRules, async ({ actor, body }) => {
    const told = dryRun(configuration, body, actor, clock.now());
    if ('errors' in told) throw new ApiError('validation_failed', 'The request has invalid fields.', { errors: told.errors });
    return ok(told.answer);
  }),

  route(routes.listStandingApprovals, async ({ actor, query }) => {
    const { limit = 20, cursor = null } = query;
    const page = await listStandingFor(approvals, actor, limit, cursor).catch(refuseCursor);
    return ok({ standing_approvals: [...page.items], next_cursor: page.cursor });
  }),

  route(routes.revokeStandingApproval, async ({ actor, params, body }) => {
    for (let tries = 0; tries < 8; tries += 1) {
      const standing = await approvals.getStanding(params.standing_approval_id);
      if (!standing || !reachesStanding(actor, standing)) throw notFound();
      const change = revoke(standing, actor, body.reason ?? null, clock.now());
      if (!change) return ok(standing);
      if ((await approvals.saveStanding(change)) === 'saved') return ok(change.after);
    }
    throw new ApiError('conflict', 'The standing approval is being used right now. Try again.');
  }),

  ...approvalPages({ approvals, nonces, clock, seenRequest, viewOf, change, decideAs, delegateOf, whyNot }),
  ...approvalLinks({
    ...{ approvals, identities, nonces, clock, whyNot, signedIn },
    links: dynamoPersonalLinks(environment.EPHEMERA_TABLE),
    visits: dynamoVisits(environment.EPHEMERA_TABLE),
    granted: configuration.security.authorization.roles,
    mfaRoles: configuration.security.authentication.mfa.required_for_roles,
  }),
]);

const mayApprove = ({ roles }: IdentityRecord): boolean =>
  permissionsOf(roles, configuration.security.authorization.roles).includes('approve');

/** Of this id or not: whoever may not approve is not told apart from nobody. */
const nobodyToHandTo = (userId: string): ApiError =>
  new ApiError('validation_failed', 'There is nobody of this id who may approve.', {
    errors: [{ field: 'body.to', expected: 'the id of somebody who may approve', received: userId }],
  });

/** People know each other by address; whoever may not approve is not told apart from nobody. */
async function delegateOf(email: string): Promise<Delegate | null> {
  const wanted = email.trim().toLowerCase();
  if (wanted === '') return null;
  const found = (await everybody(identities)).filter((one) => one.email.toLowerCase() === wanted && !one.disabled);
  const [to, another] = found.filter(mayApprove);
  return to && !another ? { ...to, mayApprove: true } : null;
}

const changed = async (actor: Actor, approvalId: string, wanted: Change) =>
  ok(await viewOf(await change(actor, approvalId, wanted)));

/** In the words in which the decision itself would be refused; whatever a version wants of it, somebody may decide on one of them. */
async function whyNot(actor: Actor, row: Approval): Promise<string | null> {
  if (row.status !== 'open') return `This request is ${row.status}; there is nothing left to decide.`;
  if (hasExpired(row, clock.now())) return 'This request has expired; nothing runs.';
  if (!authorize(actor, 'approve')) return 'Deciding needs the permission approve.';
  const delegators = await delegatorsOf(identities, row);
  const capacities = decidable(row).map((digest) => capacityOf(row, actor, digest, clock.now(), delegators));
  const refusals = capacities.flatMap((capacity) => (capacity.may ? [] : [capacity.detail]));
  return refusals.length === capacities.length ? (refusals[0] ?? 'Nobody decides this.') : null;
}

/** Whose page this is; a session that is refused is nobody's. Tokens and keys are for programs. */
async function signedIn({ headers, cookies, clientAddress }: Parameters<LinkParts['signedIn']>[0]): Promise<string | null> {
  const { authorization: _, 'x-api-key': __, ...others } = headers;
  try {
    const request = { headers: others, cookies, requestContext: { http: { method: 'GET' } } };
    return (await authenticate(request, clientAddress)).actor.user_id;
  } catch (error) {
    if (error instanceof ApiError) return null;
    throw error;
  }
}

async function viewOf(row: Approval): Promise<ApprovalView> {
  const asked = await readAsked(objects, row);
  const context = await contextOf({ executions, approvals, identities, objects, configuration }, row, asked);
  return approvalViewOf(row, asked, context, clock.now());
}

const METRICS_MS = 30 * 86_400_000;
