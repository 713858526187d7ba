/** Where somebody says who they are: e-mail and password, then whatever else the account wants. */
import type { Challenge } from '../../contracts/sign-in.ts';
import { type Html, html } from '../text/html.ts';
import { alertOf, pageOf } from './layout.ts';

interface Shown {
  /** Where they wanted to go. */
  readonly returnTo: string;
  readonly alert: string | null;
  /** Whether they asked to sign in with a second factor. */
  readonly asksSecondFactor: boolean;
  /** Other places of the configuration to sign in at. */
  readonly providers: readonly string[];
  readonly challenge: Pick<Challenge, 'challenge' | 'challenge_id' | 'detail' | 'secret' | 'otpauth_uri'> | null;
}

export function signInPage({ returnTo, alert, providers, challenge, asksSecondFactor }: Shown): Html {
  const hidden = html`<input type="hidden" name="return_to" value="${returnTo}">`;
  const content = html`<h1>Sign in</h1>
${alert === null ? '' : alertOf(alert)}
${challenge ? challengeForm(challenge, hidden) : passwordForm(hidden, asksSecondFactor)}
${challenge ? '' : providers.map((name) => html`<p><a class="button" href="/api/v1/auth/authorize?provider=${name}&amp;return_to=${encodeURIComponent(returnTo)}">Sign in with ${name}</a></p>`)}`;
  return pageOf({ title: 'Sign in', viewer: null, content });
}

const passwordForm = (
  hidden: Html,
  asksSecondFactor: boolean,
): Html => html`<form class="panel" method="post" action="/sign-in">${hidden}
${asksSecondFactor ? html`<input type="hidden" name="second_factor" value="1"><p>What you want to decide takes a second factor. If you have none yet, you set one up now.</p>` : ''}
<label for="email">E-mail</label><input id="email" name="email" type="email" autocomplete="username" required>
<label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required>
<p><button>Sign in</button></p></form>`;

function challengeForm(
  { challenge, challenge_id, detail, secret, otpauth_uri: uri }: NonNullable<Shown['challenge']>,
  hidden: Html,
): Html {
  const asked =
    challenge === 'new_password'
      ? html`<label for="new_password">New password</label><input id="new_password" name="new_password" type="password" autocomplete="new-password" required>`
      : html`<label for="code">Six digits of the authenticator app</label><input id="code" name="code" inputmode="numeric" pattern="[0-9]{6}" autocomplete="one-time-code" required>`;
  const setUp =
    secret === undefined
      ? ''
      : html`<p>Add this account to an authenticator app: <a href="${uri ?? ''}">open the app on this device</a>, or type in this secret: <code>${secret}</code></p>`;
  return html`<form class="panel" method="post" action="/sign-in">${hidden}<input type="hidden" name="challenge_id" value="${challenge_id}">
<p>${detail}</p>${setUp}${asked}<p><button>Go on</button></p></form>`;
}
