/** One event a minute of the same kind, caller and endpoint: its id says when and what, so that everybody counts into the same one. */
import type { SecurityEvent, SecurityResponse } from '../../contracts/security-event.ts';
import { canonicalJson, sha256 } from '../text/json.ts';

export type SecurityEventDraft = Omit<SecurityEvent, 'event_id' | 'timestamp' | 'count'>;

const MINUTE_MS = 60_000;

/** Sorts by time, as ids elsewhere do; the rest tells what it is of. */
export function eventOf(draft: SecurityEventDraft, now: Date, windowMs = MINUTE_MS): SecurityEvent {
  const at = Math.floor(now.getTime() / windowMs) * windowMs;
  const { event_type, source_ip, user_id, key_id, endpoint, details } = draft;
  const digest = sha256(canonicalJson({ event_type, source_ip, user_id, key_id, endpoint, details }));
  return {
    event_id: `sev_${at.toString(16).padStart(12, '0')}_${digest.slice(0, 24)}`,
    ...draft,
    timestamp: new Date(at).toISOString(),
    count: 1,
  };
}

/** That something was done about a threat, or taken back, by people or of its own accord: an event of its own. */
export const eventOfResponse = (
  event_type: 'security_response' | 'response_reversed',
  { kind, subject, response_id, automatic }: SecurityResponse,
  sourceIp: string,
  now: Date,
): SecurityEvent =>
  eventOf(
    {
      event_type,
      source_ip: sourceIp,
      user_id: subject.user_id ?? null,
      key_id: subject.key_id ?? null,
      endpoint: kind,
      severity: 'medium',
      details: { response_id, automatic },
    },
    now,
  );

export const dayOf = (timestamp: string): string => timestamp.slice(0, 10);

/** An account as it is written down: enough to see that it was the same one again. */
export const accountDigest = (email: string): string => sha256(`account ${email.trim().toLowerCase()}`).slice(0, 24);
