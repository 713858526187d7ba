/** A refusal, for people: what is the matter and where to go. */
import type { Problem } from '../../contracts/errors.ts';
import { type Html, html } from '../text/html.ts';
import { alertOf, pageOf } from './layout.ts';

export function problemPage({ title, detail, errors, request_id }: Problem): Html {
  const fields = (errors ?? []).map(
    ({ field, expected, received }) => html`<li>${field}: expected ${expected}; ${received} came</li>`,
  );
  const content = html`<h1>${title}</h1>${alertOf(detail)}
${fields.length > 0 ? html`<ul>${fields}</ul>` : ''}
<p><a href="/approvals">To your requests</a></p>
<p class="soft">Request id: <code>${request_id}</code></p>`;
  return pageOf({ title, viewer: null, content });
}
