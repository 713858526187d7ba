/** What is said about a request, in words that every channel puts into its own form. Code is never in it: who wants to read it follows the link. */
import type { Approval } from '../../contracts/approval.ts';
import type { ApprovalNotice } from '../../contracts/approval-notice.ts';
import type { RiskLevel } from '../../contracts/risk.ts';
import { mostAgreed } from '../approval/decide.ts';
import { shown } from './shown.ts';

export interface Message {
  /** One line, our own words, the risk first. */
  readonly subject: string;
  readonly lead: string;
  /** Untrusted text among them is made visible and cut; it is still to be escaped as the channel asks for. */
  readonly facts: readonly { readonly label: string; readonly value: string }[];
  /** Opens the request; opening it decides nothing. null: nobody said under which address the API stands. */
  readonly link: string | null;
  /** Whether the link leads its recipient on without a password, and nobody else anywhere. */
  readonly isPersonal: boolean;
  readonly linkLabel: string;
  readonly asks: boolean;
  readonly risk: RiskLevel;
  /** Named so that somebody without a link finds the request. */
  readonly approvalId: string;
}

type Said = Pick<ApprovalNotice, 'event' | 'asks'>;

const SUMMARY_MAX = 300;
const QUOTE_MAX = 300;
const ADDRESS_MAX = 120;
const LIST_MAX = 5;

/** `token`: of the recipient's personal link, where there is one. */
export function messageOf(about: Said, approval: Approval, publicUrl: string | null, token: string | null = null): Message {
  // Whoever was asked while it was open, and reads this when it is not, has nothing to decide.
  const said = { ...about, asks: about.asks && approval.status === 'open' };
  const person = shown(approval.requester.email, ADDRESS_MAX);
  const facts = [
    { label: 'Operation', value: shown(approval.summary, SUMMARY_MAX) },
    { label: 'Asked by', value: person },
    { label: 'Risk', value: riskOf(approval) },
    ...(approval.justification ? [{ label: 'They wrote', value: shown(approval.justification, QUOTE_MAX) }] : []),
    ...progressOf(approval),
    { label: 'Request', value: approval.approval_id },
    { label: 'Digest', value: approval.settled_digest ?? approval.digest },
  ];
  return {
    subject: `[${approval.risk.level} risk] ${headlineOf(said, person)}`,
    lead: leadOf(said, approval.execution_id !== null),
    facts,
    link: linkTo(approval.approval_id, publicUrl, token),
    isPersonal: token !== null,
    linkLabel: said.asks ? 'Look at the request and decide' : 'Look at the request',
    asks: said.asks,
    risk: approval.risk.level,
    approvalId: approval.approval_id,
  };
}

/** Opens the request, and decides nothing. */
export function linkTo(approvalId: string, publicUrl: string | null, token: string | null = null): string | null {
  if (publicUrl === null) return null;
  const request = `${publicUrl.replace(/\/$/, '')}/approvals/${approvalId}`;
  return token === null ? request : `${request}/link?token=${token}`;
}

function headlineOf({ event, asks }: Said, person: string): string {
  if (asks) {
    if (event === 'reminded') return `Still waiting for your decision: request of ${person}`;
    if (event === 'escalated') return `Urgent, nobody decided in time: request of ${person}`;
    if (event === 'delegated') return `Handed to you: request of ${person}`;
    return `Your decision is needed: request of ${person}`;
  }
  const ENDS: Partial<Record<Said['event'], string>> = {
    approved: 'Approved',
    denied: 'Denied',
    expired: 'Expired, nothing ran',
    withdrawn: 'Withdrawn',
    escalated: 'Handed on to the next level',
    stage_started: 'On to the next stage',
    commented: 'New comment',
    decided: 'New decision',
  };
  return `${ENDS[event] ?? 'News'}: request of ${person}`;
}

function leadOf({ event, asks }: Said, isRun: boolean): string {
  const nothing = isRun ? 'nothing runs' : 'it is not to be done';
  if (asks) {
    return event === 'escalated'
      ? `The people asked before you did not decide in time. ${isRun ? 'Nothing runs' : 'It waits'} until somebody does.`
      : `${isRun ? 'Nothing runs until it is decided. Read what would run' : 'It waits until it is decided. Read what would be done'} before you decide.`;
  }
  const LEADS: Partial<Record<Said['event'], string>> = {
    approved: `The request was approved; exactly the approved ${isRun ? 'code may run' : 'operation may be done'} now.`,
    denied: `The request was denied; ${nothing}.`,
    expired: `Nobody decided in time; ${nothing}.`,
    withdrawn: 'The request was taken back; there is nothing left to decide.',
    escalated: 'You can still decide; the next level was asked as well.',
    stage_started: 'One stage agreed; the next one decides now.',
    commented: 'Somebody commented on the request.',
    decided: 'Somebody decided; more decisions are needed.',
  };
  return LEADS[event] ?? 'The request has changed.';
}

function riskOf({ risk }: Approval): string {
  const factors = risk.factors.slice(0, LIST_MAX).map((factor) => shown(factor, ADDRESS_MAX));
  const more = risk.factors.length - factors.length;
  const listed = [...factors, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
  return listed === '' ? risk.level : `${risk.level} (${listed})`;
}

function progressOf(approval: Approval): { label: string; value: string }[] {
  if (approval.status !== 'open') {
    const deciders = [...new Set(approval.decisions.map((made) => shown(made.approver.email, ADDRESS_MAX)))];
    return [
      {
        label: 'Outcome',
        value: deciders.length > 0 ? `${approval.status}, decided by ${deciders.join(', ')}` : approval.status,
      },
    ];
  }
  const stage = approval.rule.stages[approval.stage];
  return [
    ...(stage
      ? [
          {
            label: 'Stage',
            value: `${shown(stage.name, ADDRESS_MAX)}: ${mostAgreed(approval)} of ${stage.required_approvers} agreed`,
          },
        ]
      : []),
    { label: 'Expires', value: approval.expires_at ?? 'never' },
  ];
}
