/**
 * A request for anything but a run: a workflow's step, a call of a tool, a change somebody makes by hand. People decide on exactly its
 * bytes; whoever asked waits, and does it.
 */
import type { OpenApproval, OperationRequest } from '../../contracts/approval.ts';
import { OF_RUNS } from '../../contracts/approval-rule.ts';
import type { FieldError } from '../../contracts/errors.ts';
import type { IdentityRecord } from '../../contracts/identity.ts';
import { OPERATION_MAX_BYTES, type Operation } from '../../contracts/operation.ts';
import type { Actor } from '../identity/actor.ts';
import { authorize } from '../identity/authorize.ts';
import type { Configuration } from '../policy/configuration.ts';
import { reviewOperation } from '../policy/review.ts';
import { canonicalJson } from '../text/json.ts';
import { detailsText, operationDigest } from './asked.ts';
import { opened } from './open.ts';
import { factsOfOperation, ruleFor } from './rule.ts';

/** It runs in none of ours. */
const NO_ENVIRONMENT = 'none';

export type OperationOutcome =
  | { readonly outcome: 'accepted'; readonly approval: OpenApproval; readonly bytes: Uint8Array }
  | { readonly outcome: 'invalid'; readonly errors: readonly FieldError[] }
  | { readonly outcome: 'forbidden'; readonly detail: string };

interface Context {
  readonly actor: Actor;
  /** Who answers for the agent that asks; null for a person. */
  readonly owner: IdentityRecord | null;
  readonly configuration: Configuration;
  readonly approvalId: string;
  readonly now: Date;
}

export function prepareOperation(
  request: OperationRequest,
  { actor, owner, configuration, approvalId, now }: Context,
): OperationOutcome {
  const { operation_type } = request;
  const types = Object.keys(configuration.approvalRules).filter((name) => name !== OF_RUNS);
  if (!types.includes(operation_type))
    return invalid('operation_type', `one of ${types.join(', ')}; runs are asked for with POST /api/v1/execute`, operation_type);
  const team = request.team ?? actor.teams[0] ?? null;
  if (team !== null && !actor.teams.includes(team))
    return invalid('team', `one of your teams: ${actor.teams.join(', ') || 'you have none'}`, team);
  const label = request.label ?? null;
  if (!authorize(actor, 'execute_code', { owner_id: actor.user_id, team, environment: NO_ENVIRONMENT, label }))
    return { outcome: 'forbidden', detail: 'This key may not be used for operations, or not for that label or team.' };

  const operation: Operation = {
    version: 1,
    approval_id: approvalId,
    requester_id: actor.user_id,
    operation_type,
    summary: request.summary,
    details: request.details ?? {},
  };
  const bytes = Buffer.from(canonicalJson(operation), 'utf8');
  if (bytes.byteLength > OPERATION_MAX_BYTES)
    return invalid('details', `at most ${OPERATION_MAX_BYTES} bytes of JSON, with the summary`, `${bytes.byteLength} bytes`);

  const assessment = reviewOperation(configuration, detailsText(operation));
  const { user_id, email, roles, teams, trusted_agent } = actor;
  const requester = { email, roles, teams, trusted_agent };
  const facts = factsOfOperation(assessment.level, { requester, team: team ?? '', time: now });
  const chosen = ruleFor(configuration, operation_type, facts);
  if (chosen.rule.requires_justification && !request.justification?.trim())
    return invalid('justification', `a reason in words: the approval rule ${chosen.rule.name} asks for one`, 'nothing');

  const digest = operationDigest(bytes);
  const subject = {
    approval_id: approvalId,
    execution_id: null,
    operation_type,
    attempt: 1,
    requester: { user_id, email },
    team,
    environment: NO_ENVIRONMENT,
    label,
    summary: request.summary,
    justification: request.justification ?? null,
    reasons: whyAskedOf(operation_type),
    digest,
    manifest_key: `manifests/${approvalId}.json`,
    limits: null,
    timeout_seconds: null,
    asked_at: now.toISOString(),
  };
  return { outcome: 'accepted', approval: opened(subject, assessment, chosen, owner, now), bytes };
}

/** Whatever its rule says: nothing of it is known that could make a human needless. */
export const whyAskedOf = (operationType: string): string[] => [`whoever asks does a ${operationType} only with an approval`];

const invalid = (field: string, expected: string, received: string): OperationOutcome => ({
  outcome: 'invalid',
  errors: [{ field: `body.${field}`, expected, received }],
});
