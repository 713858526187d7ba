/** The form with which an approver hands their place on, and what is made of what comes back. */
import type { ApprovalView } from '../../contracts/approval.ts';
import { type Html, html } from '../text/html.ts';
import { csrfField, type Viewer } from './layout.ts';

const HOUR_MS = 3600_000;
const MOST_HOURS = 24 * 365;

export interface PlaceFields {
  readonly to: string;
  readonly hours: string;
  readonly reason: string;
}

export const placeForm = (
  { approval_id }: ApprovalView,
  viewer: Viewer,
  filled: PlaceFields | null,
): Html => html`<details${filled ? html` open` : ''}><summary>Let somebody else decide in your place</summary>
<form class="panel" method="post" action="/approvals/${approval_id}/delegate">${csrfField(viewer)}
<label for="to">Their address</label><input id="to" name="to" type="email" autocomplete="off" maxlength="254" required value="${filled?.to ?? ''}">
<label for="hours">For so many hours (empty: for good)</label><input id="hours" name="hours" type="number" inputmode="decimal" min="0" max="${String(MOST_HOURS)}" step="any" value="${filled?.hours ?? ''}">
<label for="reason">The reason you hand it on (may be left empty)</label><textarea id="reason" name="reason" rows="2" maxlength="1000">${filled?.reason ?? ''}</textarea>
<p><button>Hand it on</button></p></form></details>`;

/** Until when; null: for good; undefined: the field says no time. */
export function readHours(text: string, now: Date): string | null | undefined {
  const written = text.trim();
  if (written === '') return null;
  const hours = Number(written);
  if (!/^\d{1,4}(\.\d{1,4})?$/.test(written) || hours <= 0 || hours > MOST_HOURS) return undefined;
  return new Date(now.getTime() + hours * HOUR_MS).toISOString();
}
