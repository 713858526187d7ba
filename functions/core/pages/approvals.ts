/** The list of requests somebody may see. */
import type { ApprovalSummary } from '../../contracts/approval.ts';
import { type ApprovalsShown, approvalsShown } from '../../contracts/routes/pages.ts';
import { type Html, html } from '../text/html.ts';
import { pageOf, type Viewer } from './layout.ts';
import { deadline, shown, tagOf, timeOf } from './words.ts';

const TITLES: Readonly<Record<ApprovalsShown, string>> = {
  to_decide: 'For you to decide',
  open: 'Open',
  escalated: 'Escalated',
  mine: 'Yours',
  approved: 'Approved',
  denied: 'Denied',
  expired: 'Expired',
  withdrawn: 'Withdrawn',
};
const EMPTY: Partial<Record<ApprovalsShown, string>> = {
  to_decide: 'Nothing waits for you.',
  escalated: 'Nothing was left undecided for so long that others were asked.',
  mine: 'Nothing you asked for waits for a decision.',
};

interface Shown {
  readonly approvals: readonly ApprovalSummary[];
  readonly nextCursor: string | null;
  readonly isFirst: boolean;
  readonly wanted: ApprovalsShown;
  readonly viewer: Viewer;
  readonly now: Date;
}

export function approvalsPage({ approvals, nextCursor, isFirst, wanted, viewer, now }: Shown): Html {
  const tabs = approvalsShown.options.map(
    (name) =>
      html`<li><a href="/approvals?show=${name}"${name === wanted ? html` aria-current="page"` : ''}>${TITLES[name]}</a></li>`,
  );
  const empty = isFirst && nextCursor === null ? (EMPTY[wanted] ?? 'There is none.') : 'There is none on this page.';
  const content = html`<h1>${TITLES[wanted]}</h1>
<nav aria-label="Requests"><ul class="tabs">${tabs}</ul></nav>
${approvals.length === 0 ? html`<p>${empty}</p>` : html`<ul class="cards">${approvals.map((one) => cardOf(one, now))}</ul>`}
${nextCursor === null ? '' : html`<p><a href="/approvals?show=${wanted}&amp;cursor=${nextCursor}">Older ones</a></p>`}`;
  return pageOf({ title: TITLES[wanted], viewer, content });
}

function cardOf(one: ApprovalSummary, now: Date): Html {
  const { eligible_approvers: eligible, next_escalation: next } = one;
  return html`<li>
<h2><a href="/approvals/${one.approval_id}">${shown(one.summary)}</a></h2>
<p>${tagOf(one.risk_level, ' risk')} ${one.status === 'open' ? '' : tagOf(one.status)}
${shown(one.requester.email || one.requester.user_id)}${one.team === null ? '' : `, ${one.team}`}, ${timeOf(one.created_at)}</p>
${
  eligible
    ? html`<p class="soft">${eligible.stage}: ${String(eligible.approvals)} of ${String(eligible.required_approvers)} agreed${one.escalated_to === null ? '' : `; escalated to ${one.escalated_to}`}; expires ${deadline(one.expires_at, now)}${
        next === null ? '' : html`; ${next.level} joins, ${deadline(next.at, now)}`
      }</p>`
    : ''
}
</li>`;
}
