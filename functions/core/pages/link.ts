/** Where a personal link leads: as little of the request as lets its recipient go on, and nothing for anybody else. */
import type { ApprovalSummary } from '../../contracts/approval.ts';
import { type Html, html } from '../text/html.ts';
import { alertOf, pageOf } from './layout.ts';
import { deadline, factsOf, shown, tagOf } from './words.ts';

interface Shown {
  readonly summary: ApprovalSummary;
  /** Of whom the link was sent to. */
  readonly email: string;
  /** The address of the sign-in that leads back to the request. */
  readonly signInAt: string;
  /** For the form; null where only whoever has signed in goes on. */
  readonly nonce: string | null;
  readonly now: Date;
}

export function linkPage({ summary, email, signInAt, nonce, now }: Shown): Html {
  const content = html`<h1>${shown(summary.summary)}</h1>
<p>${tagOf(summary.risk_level, ' risk')} ${tagOf(summary.status)}</p>
${factsOf([
  ['Asked by', shown(summary.requester.email || summary.requester.user_id)],
  ['Expires', deadline(summary.expires_at, now)],
])}
${
  nonce === null
    ? signIn(signInAt)
    : html`${goOn(summary, email, nonce)}
<p><a href="${signInAt}">Sign in instead</a></p>`
}
<p class="soft">Nothing is decided yet, and nothing runs. If this mail was not for you, close this page.</p>`;
  return pageOf({ title: 'A request for your decision', viewer: null, content });
}

const goOn = (
  { approval_id }: ApprovalSummary,
  email: string,
  nonce: string,
): Html => html`<form class="panel" method="post" action="/approvals/${approval_id}/link">
<input type="hidden" name="nonce" value="${nonce}">
<p>Read what would run, and decide. This opens this one request, for a quarter of an hour.</p>
<p><button>Continue as ${masked(email)}</button></p></form>`;

const signIn = (at: string): Html =>
  html`<div class="panel"><p>A link is not enough to decide this. Sign in, and the request opens.</p>
<p><a class="button" href="${at}">Sign in to decide</a></p></div>`;

/** Enough for the person to know themselves, and for nobody else to learn an address. */
const masked = (email: string): string => `${shown(Array.from(email)[0] ?? '')}***@…`;

/** The same for every link that opens nothing, whatever the reason is. */
export function deadLinkPage(): Html {
  const content = html`<h1>This link opens nothing</h1>
${alertOf('It may be too old, the request may be decided or changed, or it was sent to somebody else.')}
<p><a class="button" href="/approvals">Sign in and see what waits for you</a></p>`;
  return pageOf({ title: 'This link opens nothing', viewer: null, content });
}
