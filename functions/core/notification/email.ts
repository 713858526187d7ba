import { type Html, html } from '../text/html.ts';
import type { Message } from './message.ts';

export interface Email {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

const FOOTER = 'Opening the link decides nothing. Airlock never asks you to decide by answering this mail.';
const PERSONAL = 'The link is yours alone: do not forward this mail.';
const footerOf = ({ isPersonal }: Message): string => (isPersonal ? `${FOOTER} ${PERSONAL}` : FOOTER);

/** Both forms say the same. The page is a heading, a sentence, a table with row headings, and one link. */
export function emailOf(message: Message): Email {
  const { subject, lead, facts, link, linkLabel } = message;
  const text = [
    lead,
    facts.map(({ label, value }) => `${label}: ${value}`).join('\n'),
    link === null ? withoutLink(message) : `${linkLabel}:\n${link}`,
    footerOf(message),
  ].join('\n\n');
  return { subject, text: `${text}\n`, html: pageOf(message, lead).html };
}

const withoutLink = ({ approvalId }: Message): string => `Open Airlock and look for the request ${approvalId}.`;

function pageOf(message: Message, lead: string): Html {
  const { subject, facts, link, linkLabel } = message;
  const rows = facts.map(
    ({ label, value }) => html`<tr><th scope="row" align="left" valign="top">${label}</th><td valign="top">${value}</td></tr>\n`,
  );
  const way = link === null ? html`<p>${withoutLink(message)}</p>` : html`<p><a class="open" href="${link}">${linkLabel}</a></p>`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>${subject}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${subject}</h1>
<p>${lead}</p>
<table>
${rows}</table>
${way}
<p class="small">${footerOf(message)}</p>
</main>
</body>
</html>
`;
}

const STYLE: Html = {
  html: `
:root { color-scheme: light dark; }
body { margin: 0; padding: 16px; background: #ffffff; color: #1a1a1a; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 40rem; margin: 0 auto; }
h1 { font-size: 1.25rem; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: 6px 12px 6px 0; overflow-wrap: anywhere; }
th { white-space: nowrap; }
.open { display: inline-block; padding: 12px 20px; border-radius: 6px; background: #0b57d0; color: #ffffff; text-decoration: none; }
.small { font-size: 0.875rem; }
@media (prefers-color-scheme: dark) {
  body { background: #121212; color: #eeeeee; }
  .open { background: #a8c7fa; color: #0b1d36; }
}
`,
};
