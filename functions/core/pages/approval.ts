/** The page of one request: all that its decision rests on, in the order in which one asks. It renders what the API answers, and no more. */
import type { ApprovalContext, ApprovalView, Finding } from '../../contracts/approval.ts';
import type { Manifest } from '../../contracts/manifest.ts';
import type { Operation } from '../../contracts/operation.ts';
import { detailsText } from '../approval/asked.ts';
import { type Html, html } from '../text/html.ts';
import { decisionForm, type FormState } from './decision-form.ts';
import { alertOf, csrfField, noteOf, pageOf, type Viewer } from './layout.ts';
import { type PlaceFields, placeForm } from './place-form.ts';
import { beginningOf, differenceOf, isLong, remarksOn, sourceOf } from './source.ts';
import { bytes, countOf, deadline, factsOf, shown, tagOf, timeOf } from './words.ts';

export interface Shown {
  readonly view: ApprovalView;
  readonly viewer: Viewer;
  readonly now: Date;
  /** Whether long texts stand there whole. */
  readonly isWhole: boolean;
  /** What the viewer may do with it; without a form, why not. */
  readonly form: FormState;
  /** Whether the viewer has a place of their own to hand on, and how that form was filled in when it was refused. */
  readonly place: { readonly filled: PlaceFields | null } | null;
  readonly mayComment: boolean;
  readonly mayWithdraw: boolean;
  readonly said: { readonly note: string } | { readonly alert: string } | null;
}

export function approvalPage({ view, viewer, now, isWhole, form, place, mayComment, mayWithdraw, said }: Shown): Html {
  const mark = [view.status, view.decisions.length, view.comments.length, view.versions.length].join(' ');
  const content = html`
<div id="news" class="warn" role="status" hidden><p></p><a href="/approvals/${view.approval_id}">Look again</a></div>
${said === null ? '' : 'note' in said ? noteOf(said.note) : alertOf(said.alert)}
<div data-approval="${view.approval_id}" data-mark="${mark}">
<h1>${shown(view.summary)}</h1>
<p>${tagOf(view.risk_level, ' risk')} ${tagOf(view.status)}</p>
${aboutRequest(view, now)}
${turnsOf(view, now)}
${risksOf(view)}
${whatIsAsked(view, isWhole)}
${changesOf(view)}
${earlierRuns(view)}
${decisionsOf(view)}
${commentsOf(view, viewer, mayComment)}
<section id="decide" aria-labelledby="decide-title">
<h2 id="decide-title">Your decision</h2>
${decisionForm(view, viewer, form)}
${place ? placeForm(view, viewer, place.filled) : ''}
</section>
${mayWithdraw ? withdrawForm(view, viewer) : ''}
</div>`;
  return pageOf({ title: `${view.status === 'open' ? 'Decide' : view.status}: ${shown(view.summary)}`, viewer, content });
}

const aboutRequest = (view: ApprovalView, now: Date): Html => html`
${factsOf([
  ['Asked by', shown(view.requester.email || view.requester.user_id)],
  ['Agent of', view.agent_owner === null ? null : shown(view.agent_owner.email)],
  ['Team', view.team],
  ['Their reason', view.justification === null ? 'none given' : shown(view.justification)],
  ['Why it needs you', view.reasons.map(shown).join('; ') || 'the rule says so'],
  ['Asked', timeOf(view.created_at)],
  ['Expires', view.status === 'open' ? deadline(view.expires_at, now) : null],
])}
${view.status === 'open' ? html`<p><a href="#decide">Go to the decision</a></p>` : ''}`;

function turnsOf(view: ApprovalView, now: Date): Html {
  const { eligible_approvers: eligible, next_escalation: next, rule } = view;
  if (!eligible) return html``;
  const who = [
    ...eligible.roles.map((role) => `anybody with the role ${role}`),
    ...eligible.groups.map((group) => `anybody of the team ${group}`),
    ...eligible.people.map(shown),
    ...eligible.delegates.map((person) => `${shown(person.email)}, in somebody's place`),
  ];
  return html`<section aria-labelledby="turns"><h2 id="turns">Who decides</h2>
${factsOf([
  ['Stage', `${eligible.stage}: ${eligible.approvals} of ${eligible.required_approvers} agreed`],
  ['Stages', rule.stages.length > 1 ? rule.stages.map((stage) => stage.name).join(', then ') : null],
  ['May decide', who.join('; ') || 'nobody'],
  ['Joined last', view.escalated_to],
  ['Joins next', next === null ? null : html`${next.level}, ${deadline(next.at, now)}`],
  ['Rule', html`${rule.name} (${view.rule_reasons.map(shown).join('; ')})`],
])}</section>`;
}

const findingOf = ({ level, message, line }: Finding): Html =>
  html`<li>${tagOf(level)} ${shown(message)}${line === null ? '' : ` (line ${line})`}</li>`;

function risksOf(view: ApprovalView): Html {
  const known = [...view.risk_factors.map((factor) => html`<li>${shown(factor)}</li>`), ...view.findings.map(findingOf)];
  return html`<section aria-labelledby="risk"><h2 id="risk">Risk</h2>
${known.length > 0 ? html`<ul>${known}</ul>` : html`<p>Nothing in it raises the risk.</p>`}
${hiddenOf(view)}</section>`;
}

function hiddenOf({ context }: ApprovalView): Html {
  const { hidden_characters_total: total, hidden_characters: found } = context;
  if (total === 0) return html``;
  const places = found.map(
    ({ line, column, character, kind }) => `${character} (${kind.replace('_', '-')}) in line ${line}, column ${column}`,
  );
  const more = total > found.length ? `; and ${total - found.length} more` : '';
  return html`<p class="warn">The code has ${countOf(total, 'character')} that can make it look other than it runs. Each stands there as its code, marked:
${places.join('; ')}${more}.</p>`;
}

/** Texts of a manifest that may be long, by the name they are shown under. */
const textsOf = (manifest: Manifest): (readonly [string, string])[] => [
  ['Code', manifest.code],
  ...(manifest.stdin === null ? [] : [['Standard input, and input.json', manifest.stdin] as const]),
  ...(manifest.args.length > 0 ? [['Arguments', JSON.stringify(manifest.args, null, 2)] as const] : []),
  ...(Object.keys(manifest.env).length > 0 ? [['Environment variables', JSON.stringify(manifest.env, null, 2)] as const] : []),
  ...(manifest.files.length > 0
    ? [
        [
          'Files brought in',
          manifest.files.map((file) => `${file.sha256}  ${bytes(file.size_bytes)}  ${file.path}`).join('\n'),
        ] as const,
      ]
    : []),
  ...(Object.keys(manifest.context).length > 0
    ? [['Context told with it', JSON.stringify(manifest.context, null, 2)] as const]
    : []),
];

/** Whether something of it is shown in part until it is opened. */
export const hasLongText = ({ manifest, operation }: ApprovalView): boolean =>
  [...(manifest ? textsOf(manifest) : []), ...(operation ? detailsOf(operation) : [])].some(([, text]) => isLong(text));

const detailsOf = (operation: Operation): (readonly [string, string])[] => [['Details', detailsText(operation)]];

function whatIsAsked(view: ApprovalView, isWhole: boolean): Html {
  const { manifest, operation, context } = view;
  if (manifest && context.execution_preview) return whatRuns(view, manifest, context.execution_preview, isWhole);
  if (!operation) throw new Error(`the request ${view.approval_id} asks for nothing`);
  return html`<section aria-labelledby="runs"><h2 id="runs">What would be done</h2>
<p class="soft">Not by Airlock: whoever asked does exactly this, if it is approved.</p>
${factsOf([
  ['Operation', operation.operation_type],
  ['In words', shown(operation.summary)],
  ['Digest', html`<code>${view.digest}</code>`],
])}
${detailsOf(operation).map(([label, text]) => textOf(view, label, text, isWhole))}
</section>`;
}

function whatRuns(
  view: ApprovalView,
  manifest: Manifest,
  preview: NonNullable<ApprovalContext['execution_preview']>,
  isWhole: boolean,
): Html {
  // What a stage before settled on is what would run, and what is decided on.
  const settled = view.versions.find((version) => version.version > 1 && version.digest === view.settled_digest);
  const limits = settled?.limits ?? preview.limits;
  const seconds = settled?.timeout_seconds ?? preview.timeout_seconds;
  return html`<section aria-labelledby="runs"><h2 id="runs">What would run</h2>
${factsOf([
  ['Language', `${preview.language}, as ${manifest.entrypoint}`],
  ['Environment', `${preview.environment}: ${preview.packages.join(', ') || 'no packages'}`],
  ['Profile', preview.security_profile],
  ['Network', preview.network === 'none' ? 'none: it reaches nothing' : preview.network],
  ['Limits', settled ? `set by ${shown(settled.made_by.email)}` : null],
  ['Time', `${seconds} s`],
  ['Memory', bytes(limits.memory_bytes)],
  ['CPU', `${limits.cpu} of a core`],
  ['Disk', bytes(limits.disk_bytes)],
  ['Processes', `${limits.processes}, with ${limits.open_files} open files each`],
  ['Image', html`<code>${preview.image_id}</code>`],
  ['Digest', html`<code>${settled?.digest ?? view.digest}</code>`],
])}
${textsOf(manifest).map(([label, text]) => textOf(view, label, text, isWhole))}
<details><summary>The whole profile, as it holds for this run</summary><pre>${shown(JSON.stringify(manifest.profile, null, 2))}</pre></details>
</section>`;
}

function textOf(view: ApprovalView, label: string, text: string, isWhole: boolean): Html {
  const remarks = remarksOn(text).map((remark) => html`<p class="soft">${remark}</p>`);
  const size = `${countOf(text.split('\n').length, 'line')}, ${bytes(Buffer.byteLength(text))}`;
  const title = html`<h3>${label} <span class="soft">(${size})</span></h3>${remarks}`;
  if (isWhole || !isLong(text)) return html`${title}${sourceOf(text, label)}`;
  const { beginning, linesLeft } = beginningOf(text, label);
  return html`${title}${beginning}
<p class="warn">This is not all: ${linesLeft > 0 ? `${countOf(linesLeft, 'line')} more follow` : 'more follows'}.
<a href="/approvals/${view.approval_id}?all=1#runs">Show all of it</a>; a decision wants that.</p>`;
}

function changesOf({ context, manifest, operation, label }: ApprovalView): Html {
  const { last_approved: last } = context;
  if (!last) return html``;
  const now = new Map<string, unknown>(Object.entries(manifest ?? operation ?? {}));
  const changes = last.differences.map(({ field, before, omitted }) => {
    if (omitted)
      return html`<h3>${field}</h3><p class="warn">What it was is too long to stand here; its own request shows it.</p>`;
    const [was, is] = [textFor(before), textFor(now.get(field))];
    return html`<h3>${field}</h3>${differenceOf(was, is) ?? html`<p>The two are too different to be compared line by line.</p>`}`;
  });
  return html`<section aria-labelledby="changes"><h2 id="changes">What is new</h2>
<p>Compared with <a href="/approvals/${last.approval_id}">what was last approved</a> under the label ${label === null ? '' : shown(label)}, ${timeOf(last.approved_at)}:
${changes.length === 0 ? 'nothing has changed.' : ''}</p>
${changes}</section>`;
}

const textFor = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value ?? null, null, 2));

function earlierRuns({ context }: ApprovalView): Html {
  const { similar_operations: similar, agent_context: person } = context;
  const about =
    person === null
      ? 'Nothing is known any more of whoever asked.'
      : `Whoever asked has the roles ${person.roles.join(', ') || 'none'}${person.trusted_agent ? ', counts as a trusted agent' : ''}${person.disabled ? ', and is disabled' : ''}.`;
  const runs = similar.map(
    (run) =>
      html`<li>${timeOf(run.created_at)}: ${run.status}${run.error === null ? '' : ` (${run.error})`}${
        run.approval_id === null ? '' : html`, <a href="/approvals/${run.approval_id}">its request</a>`
      }</li>`,
  );
  return html`<section aria-labelledby="earlier"><h2 id="earlier">Who asks, and how the like went before</h2><p>${about}</p>
${runs.length === 0 ? html`<p>There is nothing like it before, under the same label.</p>` : html`<ul>${runs}</ul>`}</section>`;
}

function decisionsOf({ decisions, delegations }: ApprovalView): Html {
  if (decisions.length + delegations.length === 0) return html``;
  const made = decisions.map(
    (decision) =>
      html`<li>${timeOf(decision.decided_at)}: <strong>${decision.decision === 'approve' ? 'approved' : 'denied'}</strong> by ${shown(decision.approver.email)}${
        decision.on_behalf_of === null ? '' : `, in the place of ${shown(decision.on_behalf_of.email)}`
      }${decision.rationale === null ? '' : html`: ${shown(decision.rationale)}`}</li>`,
  );
  const handed = delegations.map(
    (one) =>
      html`<li>${timeOf(one.at)}: ${shown(one.from.email)} handed their place to ${shown(one.to.email)}${one.until === null ? ' for good' : html` until ${timeOf(one.until)}`}</li>`,
  );
  return html`<section aria-labelledby="decisions"><h2 id="decisions">So far</h2><ul>${made}${handed}</ul></section>`;
}

function commentsOf({ approval_id, comments }: ApprovalView, viewer: Viewer, mayComment: boolean): Html {
  if (comments.length === 0 && !mayComment) return html``;
  const said = comments.map(
    (comment) => html`<li>${shown(comment.author.email)}, ${timeOf(comment.at)}:<br>${shown(comment.text)}</li>`,
  );
  const form = html`<form method="post" action="/approvals/${approval_id}/comments">${csrfField(viewer)}
<label for="text">Ask or answer</label><textarea id="text" name="text" rows="2" maxlength="1000" required></textarea>
<p><button>Comment</button></p></form>`;
  return html`<section aria-labelledby="comments"><h2 id="comments">Comments</h2>${comments.length > 0 ? html`<ul>${said}</ul>` : ''}${mayComment ? form : ''}</section>`;
}

const withdrawForm = (
  { approval_id }: ApprovalView,
  viewer: Viewer,
): Html => html`<section aria-labelledby="withdraw"><h2 id="withdraw">Take it back</h2>
<p>You asked for this. Nothing runs if you withdraw it.</p>
<form method="post" action="/approvals/${approval_id}/withdraw">${csrfField(viewer)}<button>Withdraw</button></form></section>`;
