/** The form of a decision: what it asks, and what is made of what comes back. */
import type { ApprovalVersion, ApprovalView, DecisionRequest } from '../../contracts/approval.ts';
import { decisionRequest } from '../../contracts/approval.ts';
import type { FieldError } from '../../contracts/errors.ts';
import { type Html, html } from '../text/html.ts';
import { csrfField, type Viewer } from './layout.ts';
import { bytes } from './words.ts';

const MIB = 1024 * 1024;
const DAY_MS = 86_400_000;

/** As the browser sent it: text, and an empty one for what was left empty. */
export interface DecisionFields {
  readonly digest: string;
  readonly decision?: 'approve' | 'tighten' | 'deny' | undefined;
  readonly rationale: string;
  readonly timeout_seconds: string;
  readonly memory_mib: string;
  readonly cpu: string;
  readonly standing_runs: string;
  readonly standing_days: string;
}

export type FormState =
  | {
      readonly kind: 'form';
      readonly nonce: string;
      /** False where agreeing wants a second factor that this session was not opened with. */
      readonly mayAgree: boolean;
      readonly filled: DecisionFields | null;
      readonly errors: readonly FieldError[];
    }
  | { readonly kind: 'open_first' }
  | { readonly kind: 'none'; readonly why: string };

export function decisionForm(view: ApprovalView, viewer: Viewer, state: FormState): Html {
  if (state.kind === 'none') return html`<p>${state.why}</p>`;
  if (state.kind === 'open_first')
    return html`<p class="warn">Part of it is not shown yet. <a class="button" href="/approvals/${view.approval_id}?all=1#runs">Show all of it</a></p>`;
  const { nonce, filled, errors, mayAgree } = state;
  const { rule } = view;
  const field = (name: keyof DecisionFields, label: string, input: Html): Html => {
    const error = errors.find((one) => one.field === name);
    return html`<label for="${name}">${label}</label>${input}${
      error ? html`<p class="alert" id="${name}-error">Expected ${error.expected}; ${error.received} came.</p>` : ''
    }`;
  };
  const described = (name: string): Html =>
    errors.some((one) => one.field === name) ? html` aria-invalid="true" aria-describedby="${name}-error"` : html``;
  const number = (name: Exclude<keyof DecisionFields, 'decision' | 'digest'>, label: string, step: string): Html =>
    field(
      name,
      label,
      html`<input id="${name}" name="${name}" type="number" inputmode="decimal" min="0" step="${step}" value="${filled?.[name] ?? ''}"${described(name)}>`,
    );
  const choice = (value: string, label: string): Html =>
    html`<label class="choice"><input type="radio" name="decision" value="${value}" required${filled?.decision === value ? html` checked` : ''}>${label}</label>`;
  const run = view.manifest;
  const mayTighten =
    mayAgree && run !== null && view.eligible_approvers !== null && view.settled_digest === null && isFirstStage(view);
  return html`<form class="panel" method="post" action="/approvals/${view.approval_id}/decision">
${csrfField(viewer)}<input type="hidden" name="nonce" value="${nonce}">
${versionsOf(view, filled)}
<fieldset><legend>Decide</legend>
${errors.some((one) => one.field === 'decision') ? html`<p class="alert">Choose one of these.</p>` : ''}
${mayAgree ? choice('approve', run ? 'Approve: exactly this may run' : 'Approve: exactly this may be done') : wantsMore(view)}
${mayTighten ? choice('tighten', 'Approve, but only under the tighter limits below') : ''}
${choice('deny', run ? 'Deny: nothing runs' : 'Deny: it is not to be done')}
</fieldset>
${field(
  'rationale',
  rule.requires_rationale ? 'Why (the rule wants it)' : 'Why (may be left empty)',
  html`<textarea id="rationale" name="rationale" rows="3" maxlength="4000"${rule.requires_rationale ? html` required` : ''}${described('rationale')}>${filled?.rationale ?? ''}</textarea>`,
)}
${
  mayTighten && run
    ? html`<details${hasAny(filled, errors, ['timeout_seconds', 'memory_mib', 'cpu'])}><summary>Tighter limits</summary>
${number('timeout_seconds', `Seconds, less than ${run.timeout_seconds}`, 'any')}
${number('memory_mib', `Memory in MiB, less than ${bytes(run.limits.memory_bytes)}`, '1')}
${number('cpu', `Share of a core, less than ${run.limits.cpu}`, 'any')}</details>`
    : ''
}
${
  mayAgree && run && rule.standing_approvals && !viewer.isVisitor
    ? html`<details${hasAny(filled, errors, ['standing_runs', 'standing_days'])}><summary>Let the same run again without asking</summary>
${number('standing_runs', `So many further runs, at most ${rule.standing_approvals.max_runs}`, '1')}
${number('standing_days', `For so many days, at most ${rule.standing_approvals.max_days}`, '1')}</details>`
    : ''
}
<p><button>Send the decision</button></p>
</form>`;
}

const wantsMore = ({ approval_id, risk_level }: ApprovalView): Html =>
  html`<p class="warn">At ${risk_level} risk the rule wants approvals by people who signed in with a second factor.
<a href="/sign-in?second_factor=1&amp;return_to=/approvals/${approval_id}">Sign in with one</a> to approve.</p>`;

const isFirstStage = ({ rule, eligible_approvers: eligible }: ApprovalView): boolean => rule.stages[0]?.name === eligible?.stage;

const hasAny = (filled: DecisionFields | null, errors: readonly FieldError[], names: readonly (keyof DecisionFields)[]): Html =>
  names.some((name) => (filled?.[name] ?? '') !== '' || errors.some((one) => one.field === name)) ? html` open` : html``;

const limitsIn = ({ limits, timeout_seconds: seconds }: Pick<ApprovalVersion, 'limits' | 'timeout_seconds'>): string =>
  limits === null ? '' : `: ${seconds} s, ${bytes(limits.memory_bytes)}, ${limits.cpu} of a core`;

/** Where somebody set conditions there is more than one thing to agree to. */
function versionsOf(view: ApprovalView, filled: DecisionFields | null): Html {
  const open = view.versions.filter((version) => view.settled_digest === null || version.digest === view.settled_digest);
  const [only] = open;
  if (only && open.length === 1) return html`<input type="hidden" name="digest" value="${only.digest}">`;
  const choices = open.map(
    (
      version,
    ) => html`<label class="choice"><input type="radio" name="digest" value="${version.digest}" required${filled?.digest === version.digest ? html` checked` : ''}>
<span>Version ${String(version.version)}${limitsIn(version)}
<span class="soft">(${version.version === 1 ? 'as asked for' : `limits set by ${version.made_by.email}`})</span></span></label>`,
  );
  return html`<fieldset><legend>On which version</legend>${choices}</fieldset>`;
}

/** What the fields say as the API's decision, or which of them do not. */
export function readDecision(
  fields: DecisionFields,
  now: Date,
): { readonly decision: DecisionRequest } | { readonly errors: readonly FieldError[] } {
  const errors: FieldError[] = [];
  const number = (name: 'timeout_seconds' | 'memory_mib' | 'cpu' | 'standing_runs' | 'standing_days'): number | undefined => {
    const text = fields[name].trim();
    if (text === '') return undefined;
    const value = Number(text);
    if (/^\d{1,9}(\.\d{1,6})?$/.test(text) && value > 0) return value;
    errors.push({ field: name, expected: 'a number above 0', received: 'something else' });
    return undefined;
  };
  const [timeout_seconds, memory, cpu] = [number('timeout_seconds'), number('memory_mib'), number('cpu')];
  const [runs, days] = [number('standing_runs'), number('standing_days')];
  if (fields.decision === undefined) errors.push({ field: 'decision', expected: 'one of the choices', received: 'nothing' });
  const isTightened = fields.decision === 'tighten';
  const hasLimits = timeout_seconds !== undefined || memory !== undefined || cpu !== undefined;
  if (isTightened && !hasLimits)
    errors.push({ field: 'timeout_seconds', expected: 'at least one tighter limit', received: 'none' });
  // Whoever filled limits in and then chose otherwise may not mean what they chose.
  if (fields.decision !== undefined && !isTightened && hasLimits)
    errors.push({
      field: 'timeout_seconds',
      expected: 'no limits with this choice: clear them, or choose tighter limits',
      received: 'limits',
    });
  if (errors.length > 0) return { errors };
  const resource_limits = {
    ...(memory === undefined ? {} : { memory: Math.round(memory * MIB) }),
    ...(cpu === undefined ? {} : { cpu }),
  };
  const parsed = decisionRequest.safeParse({
    decision: fields.decision === 'deny' ? 'deny' : 'approve',
    digest: fields.digest,
    ...(fields.rationale.trim() === '' ? {} : { rationale: fields.rationale }),
    ...(isTightened
      ? {
          conditions: {
            ...(Object.keys(resource_limits).length > 0 ? { resource_limits } : {}),
            ...(timeout_seconds === undefined ? {} : { timeout_seconds }),
          },
        }
      : {}),
    ...(runs === undefined && days === undefined
      ? {}
      : {
          standing: {
            ...(runs === undefined ? {} : { runs }),
            ...(days === undefined ? {} : { until: new Date(now.getTime() + days * DAY_MS).toISOString() }),
          },
        }),
  });
  if (parsed.success) return { decision: parsed.data };
  return {
    errors: parsed.error.issues.map((issue) => ({
      field: FIELD_OF[issue.path.join('.')] ?? 'decision',
      expected: issue.message,
      received: 'something else',
    })),
  };
}

/** Under which field of the form a field of the decision was asked for. */
const FIELD_OF: Readonly<Record<string, keyof DecisionFields>> = {
  rationale: 'rationale',
  'conditions.timeout_seconds': 'timeout_seconds',
  'conditions.resource_limits.memory': 'memory_mib',
  'conditions.resource_limits.cpu': 'cpu',
  'standing.runs': 'standing_runs',
  'standing.until': 'standing_days',
};
