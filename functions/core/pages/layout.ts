/** What every page has: its head, the way around, and the rules a browser holds it to. */
import { createHash } from 'node:crypto';
import { type Html, html } from '../text/html.ts';
import { SCRIPT } from './script.ts';
import { STYLE } from './style.ts';

/** Who looks at it, and what their forms must carry. */
export interface Viewer {
  readonly email: string;
  readonly csrfToken: string;
  /** They came by a personal link: this one page is all they may use. */
  readonly isVisitor: boolean;
}

interface Page {
  readonly title: string;
  /** null: nobody is signed in. */
  readonly viewer: Viewer | null;
  readonly content: Html;
}

const hashOf = ({ html: text }: Html): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/**
 * Nothing but what is in the page itself: its one style, its one script by their hashes, requests and forms to where it came from.
 * Without `same-origin` browsers would not say in a form's Origin where it comes from.
 */
export const PAGE_HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    `style-src ${hashOf(STYLE)}`,
    `script-src ${hashOf(SCRIPT)}`,
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'same-origin',
};

export function pageOf({ title, viewer, content }: Page): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Airlock</title>
<style>${STYLE}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header class="bar">
<a class="brand" href="/approvals">Airlock</a>
${viewer ? html`<span class="who">${viewer.email}</span>${viewer.isVisitor ? signIn : signOut(viewer)}` : ''}
</header>
<main id="content" tabindex="-1">
${content}
</main>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

const signOut = (viewer: Viewer): Html =>
  html`<form method="post" action="/sign-out">${csrfField(viewer)}<button class="plain">Sign out</button></form>`;

/** Back to this very page nobody needs: there is the list. */
const signIn: Html = html`<a href="/approvals">Sign in for more</a>`;

export const csrfField = ({ csrfToken }: Viewer): Html => html`<input type="hidden" name="csrf_token" value="${csrfToken}">`;

/** Said to everybody, and read out at once. */
export const alertOf = (text: string): Html => html`<p class="alert" role="alert">${text}</p>`;
export const noteOf = (text: string): Html => html`<p class="note" role="status">${text}</p>`;
