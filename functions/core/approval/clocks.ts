/**
 * The three clocks of a request: remind, escalate, expire. Times are those the rule and the beginning of the stage give, whenever
 * somebody looks: what was missed is caught up with, and the row remembers what has been done, so that each happens once.
 */
import type { Approval, OpenApproval } from '../../contracts/approval.ts';
import type { ApprovalRule } from '../../contracts/approval-rule.ts';
import type { ApprovalChange } from './change.ts';
import { eligibleNow } from './eligibility.ts';
import { audienceOf, NOBODY, toEverybody } from './notices.ts';

const MINUTE_MS = 60_000;

export interface Clock {
  readonly kind: 'remind' | 'escalate' | 'expire';
  readonly at: string;
}

/** When the time of each level is over: the next one joins then, or, after the last, the request expires. null: never. */
export function levelEnds(rule: ApprovalRule, stageStartedAt: string): (string | null)[] {
  const minutes = [rule.timeout_minutes, ...rule.escalation_chain.map((level) => level.timeout_minutes)];
  let end: number | null = Date.parse(stageStartedAt);
  return minutes.map((more) => {
    end = end === null || more === null ? null : end + more * MINUTE_MS;
    return end === null ? null : new Date(end).toISOString();
  });
}

export const expiryOf = (rule: ApprovalRule, stageStartedAt: string): string | null =>
  levelEnds(rule, stageStartedAt).at(-1) ?? null;

export function nextEscalation(request: Approval): { level: string; at: string } | null {
  const level = request.rule.escalation_chain[request.level];
  const at = levelEnds(request.rule, request.stage_started_at)[request.level];
  return request.status === 'open' && level && at ? { level: level.name, at } : null;
}

/** What happens next if nobody decides; null when nothing ever will. */
export function nextClock(request: Approval): Clock | null {
  if (request.status !== 'open') return null;
  const escalation = nextEscalation(request);
  const clocks: Clock[] = [];
  if (request.expires_at !== null) clocks.push({ kind: 'expire', at: request.expires_at });
  if (escalation) clocks.push({ kind: 'escalate', at: escalation.at });
  const { remind_minutes } = request.rule;
  if (remind_minutes !== null) clocks.push({ kind: 'remind', at: reminderAt(request, remind_minutes, request.reminders + 1) });
  // Of two at the same moment the weightier comes first.
  return clocks.reduce<Clock | null>((first, clock) => (first === null || clock.at < first.at ? clock : first), null);
}

const reminderAt = (request: Approval, every: number, number: number): string =>
  new Date(Date.parse(request.stage_started_at) + number * every * MINUTE_MS).toISOString();

/** The next thing that is due, or null. Asked again until it is null. */
export function advance(request: Approval, now: Date): ApprovalChange | null {
  if (request.status !== 'open') return null;
  const at = now.toISOString();
  if (request.expires_at !== null && at >= request.expires_at) return expired(request, at);
  const escalation = nextEscalation(request);
  if (escalation && at >= escalation.at) return escalated(request, now);
  return remindersBy(request, now) > request.reminders ? reminded(request, now) : null;
}

/** Silence is never consent: whatever the rule's outcome is called, nothing runs. */
function expired(request: OpenApproval, at: string): ApprovalChange {
  return {
    next: { ...request, status: 'expired', closed_at: at },
    action: 'expired',
    actor: 'airlock',
    details: { outcome: request.rule.on_expiry, stage: request.stage, level: request.level },
    notices: [toEverybody(request, 'expired')],
  };
}

function escalated(request: OpenApproval, now: Date): ApprovalChange {
  const level = request.rule.escalation_chain[request.level];
  const next: OpenApproval = { ...request, level: request.level + 1, reminders: remindersBy(request, now) };
  return {
    next,
    action: 'escalated',
    actor: 'airlock',
    details: { level: next.level, name: level?.name ?? '', stage: request.stage },
    notices: [
      { event: 'escalated', asks: true, audience: audienceOf(request, now, level?.eligible ?? NOBODY) },
      { event: 'escalated', asks: false, audience: audienceOf(request, now, eligibleNow(request)) },
    ],
  };
}

/** Those whose time passed while nobody looked are one. */
function reminded(request: OpenApproval, now: Date): ApprovalChange {
  const reminders = remindersBy(request, now);
  return {
    next: { ...request, reminders },
    action: 'reminded',
    actor: 'airlock',
    details: { reminder: reminders, stage: request.stage, level: request.level },
    notices: [{ event: 'reminded', asks: true, audience: audienceOf(request, now, eligibleNow(request)) }],
  };
}

function remindersBy({ rule, reminders, stage_started_at }: OpenApproval, now: Date): number {
  if (rule.remind_minutes === null) return reminders;
  const passed = Math.floor((now.getTime() - Date.parse(stage_started_at)) / (rule.remind_minutes * MINUTE_MS));
  return Math.max(reminders, passed);
}
