/** Looks at the events of a window, says what stands out, and does about it what the configuration says. Doing it again changes nothing. */
import type { ResponseKind, SecurityResponse, Severity } from '../../contracts/security-event.ts';
import { type Anomaly, type AnomalyLimits, detectAnomalies } from './anomalies.ts';
import { eventOf } from './events.ts';
import type { SecurityEventStore } from './ports.ts';
import { isInForce, type ResponseParts, respond, whyNot } from './responses.ts';

export interface MonitorSettings {
  readonly window_seconds: number;
  readonly anomalies: AnomalyLimits;
  readonly responses: Readonly<Record<Severity, readonly ResponseKind[]>>;
  readonly response_minutes: number;
  readonly most_at_once: number;
}

export interface MonitorParts extends ResponseParts {
  readonly events: SecurityEventStore;
  readonly settings: MonitorSettings;
}

const BY = { actor: 'airlock', automatic: true };

export async function watch(parts: MonitorParts, now: Date): Promise<{ anomalies: number; responses: string[] }> {
  const { settings, events } = parts;
  const from = new Date(now.getTime() - settings.window_seconds * 1000);
  const seen = [];
  for await (const event of events.since(from, now)) seen.push(event);
  const found = detectAnomalies(seen, settings.anomalies);
  const responses: string[] = [];
  for (const anomaly of found) responses.push(...(await handle(parts, anomaly, now)));
  return { anomalies: found.length, responses };
}

async function handle(parts: MonitorParts, anomaly: Anomaly, now: Date): Promise<string[]> {
  const { settings, events } = parts;
  const event = eventOf(
    {
      event_type: 'suspicious_activity',
      source_ip: anomaly.source_ip,
      user_id: anomaly.subject?.user_id ?? null,
      key_id: anomaly.subject?.key_id ?? null,
      endpoint: anomaly.rule,
      severity: anomaly.severity,
      // Not how many: the same thing a minute later is the same event.
      details: { rule: anomaly.rule, ...('account' in anomaly.detail ? { account: anomaly.detail.account ?? '' } : {}) },
    },
    now,
    settings.window_seconds * 1000,
  );
  if (!(await events.add(event)) || !anomaly.subject) return [];
  return await triggerSecurityResponse(parts, anomaly.severity, { ...anomaly, subject: anomaly.subject }, now);
}

/** The seed's word: what a severity calls for, as far as it may be done without a human. */
export async function triggerSecurityResponse(
  parts: MonitorParts,
  level: Severity,
  anomaly: Anomaly & { readonly subject: NonNullable<Anomaly['subject']> },
  now: Date,
): Promise<string[]> {
  const { settings } = parts;
  const made: string[] = [];
  for (const kind of settings.responses[level]) {
    const inForce = await responsesInForce(parts, now);
    const wanted = { kind, subject: anomaly.subject };
    if ((await whyNot(parts, wanted, inForce, settings.most_at_once, now)) !== null) continue;
    const reason = `${anomaly.rule.replaceAll('_', ' ')}: ${Object.entries(anomaly.detail)
      .filter(([name]) => name !== 'account')
      .map(([name, value]) => `${value} ${name}`)
      .join(', ')}`;
    const response = await respond(parts, { ...wanted, reason, severity: level, minutes: settings.response_minutes }, BY, now);
    made.push(response.response_id);
  }
  return made;
}

/** Responses last a day at most, so the newest are all that can be in force. */
async function responsesInForce(parts: MonitorParts, now: Date): Promise<SecurityResponse[]> {
  const { items } = await parts.responses.list(200, null);
  return items.filter((response) => isInForce(response, now));
}
