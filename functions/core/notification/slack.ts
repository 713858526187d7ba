/**
 * Messages for Slack. Whatever others wrote stands in plain text elements, which know no links, mentions or formatting; the three
 * characters that Slack reads everywhere are escaped besides.
 */
import type { Approval } from '../../contracts/approval.ts';
import { isDecidableWithoutSignIn } from '../approval/identification.ts';
import type { Message } from './message.ts';

interface PlainText {
  readonly type: 'plain_text';
  readonly text: string;
  readonly emoji: false;
}

interface Button {
  readonly type: 'button';
  readonly action_id: string;
  readonly text: PlainText;
  readonly value?: string;
  readonly url?: string;
  readonly style?: 'primary' | 'danger';
  readonly confirm?: { title: PlainText; text: PlainText; confirm: PlainText; deny: PlainText };
}

export type SlackBlock =
  | { readonly type: 'header'; readonly text: PlainText }
  | { readonly type: 'section'; readonly text?: PlainText; readonly fields?: readonly PlainText[] }
  | { readonly type: 'actions'; readonly block_id: string; readonly elements: readonly Button[] };

export interface SlackMessage {
  /** What notifications and screen readers say instead of the blocks. */
  readonly text: string;
  readonly blocks: readonly SlackBlock[];
}

const HEADER_MAX = 150;
const FIELD_MAX = 2000;
const FIELDS_PER_SECTION = 10;

export const DECIDE_ACTIONS = { airlock_approve: 'approve', airlock_deny: 'deny' } as const;

/** `offersDecision`: with buttons that decide on exactly the digest of this message; else only with the link. */
export function slackMessageOf(message: Message, approval: Approval, offersDecision: boolean): SlackMessage {
  const fields = message.facts.map(({ label, value }) => plain(`${label}: ${value}`, FIELD_MAX));
  const sections: SlackBlock[] = [];
  for (let at = 0; at < fields.length; at += FIELDS_PER_SECTION)
    sections.push({ type: 'section', fields: fields.slice(at, at + FIELDS_PER_SECTION) });
  const buttons = buttonsOf(message, approval, offersDecision);
  return {
    text: escaped(`Airlock: ${message.subject}`),
    blocks: [
      { type: 'header', text: plain(message.subject, HEADER_MAX) },
      { type: 'section', text: plain(message.lead, FIELD_MAX) },
      ...sections,
      ...(buttons.length > 0 ? [{ type: 'actions' as const, block_id: 'airlock_decide', elements: buttons }] : []),
    ],
  };
}

/** A word to one member, with the way to where more can be done. */
export const slackNoteOf = (words: string, link: string | null): SlackMessage => ({
  text: escaped(words),
  blocks: [
    { type: 'section', text: plain(words, FIELD_MAX) },
    ...(link === null
      ? []
      : [
          {
            type: 'actions' as const,
            block_id: 'airlock_open',
            elements: [{ type: 'button' as const, action_id: 'airlock_open', text: plain('Open the request', 75), url: link }],
          },
        ]),
  ],
});

/** What a decision in Slack may be about. Above it only whoever has signed in decides. */
export const isDecidableInSlack = (approval: Pick<Approval, 'risk' | 'operation_type' | 'rule'>): boolean =>
  isDecidableWithoutSignIn(approval) && !approval.rule.requires_rationale;

function buttonsOf(message: Message, approval: Approval, offersDecision: boolean): Button[] {
  const open: Button[] = message.link
    ? [{ type: 'button', action_id: 'airlock_open', text: plain(message.linkLabel, 75), url: message.link }]
    : [];
  if (!offersDecision || !message.asks || approval.status !== 'open' || !isDecidableInSlack(approval)) return open;
  const value = `${approval.approval_id} ${approval.settled_digest ?? approval.digest}`;
  const decide = (action_id: keyof typeof DECIDE_ACTIONS, label: string, style: Button['style'], what: string): Button => ({
    type: 'button',
    action_id,
    text: plain(label, 75),
    value,
    ...(style ? { style } : {}),
    confirm: { title: plain(label, 100), text: plain(what, 300), confirm: plain(label, 30), deny: plain('Cancel', 30) },
  });
  return [
    decide('airlock_approve', 'Approve', 'primary', 'Exactly the code with the digest shown may run. Have you read it?'),
    decide('airlock_deny', 'Deny', 'danger', 'Nothing runs.'),
    ...open,
  ];
}

/** Cut in what is seen: an entity is never cut in two. */
function plain(text: string, maxCharacters: number): PlainText {
  let kept = '';
  for (const character of text) {
    const next = escaped(character);
    if (kept.length + next.length > maxCharacters - 1) return { type: 'plain_text', text: `${kept}…`, emoji: false };
    kept += next;
  }
  return { type: 'plain_text', text: kept, emoji: false };
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
