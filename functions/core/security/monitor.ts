/** Looks at the events of a window, says what stands out, and does about it what the configuration says. Doing it again changes nothing. */
import type { ResponseKind, SecurityEvent, SecurityResponse, Severity } from '../../contracts/security-event.ts';
import type { Page } from '../page.ts';
import { sha256 } from '../text/json.ts';
import { type Anomaly, type AnomalyLimits, detectAnomalies } from './anomalies.ts';
import { eventOf, eventOfResponse } from './events.ts';
import type { SecurityEventStore } from './ports.ts';
import { carryOut, isInForce, type ResponseParts, respond, type Standing, subjectName, whyNot } from './responses.ts';

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
  /** Told of one thing that failed; the others are looked after. */
  readonly onFailure: (what: string, error: unknown) => void;
}

export interface Pass {
  readonly anomalies: number;
  readonly made: readonly SecurityResponse[];
  readonly failures: number;
  /** There was more than a pass looks at. */
  readonly isPartial: boolean;
}

const BY = { actor: 'airlock', automatic: true };
const MOST_EVENTS = 50_000;
const MOST_ANOMALIES = 200;
const GRAVEST_FIRST: readonly Severity[] = ['critical', 'high', 'medium', 'low'];

export async function watch(parts: MonitorParts, now: Date, mostEvents = MOST_EVENTS): Promise<Pass> {
  const { settings, events: store } = parts;
  const from = new Date(now.getTime() - settings.window_seconds * 1000);
  const attempts = attemptsOf(parts);
  const known = await responsesOfLastDay(parts, now);
  const isLate = (one: SecurityResponse): boolean => isInForce(one, now) && one.created_at >= from.toISOString();
  for (const response of known.filter(isLate)) await attempts.at(response.response_id, () => carryOut(parts, response));

  const { events, isPartial } = await read(store, from, now, mostEvents);
  const found = detectAnomalies(events, settings.anomalies).sort((a, b) => rank(a) - rank(b));
  const made: SecurityResponse[] = [];
  for (const anomaly of found.slice(0, MOST_ANOMALIES)) {
    await attempts.at(anomaly.rule, () => store.add(suspicion(anomaly, settings, now)));
    const standing = { known: [...known, ...made], since: from, mostAtOnce: settings.most_at_once };
    made.push(...(await triggerSecurityResponse(parts, anomaly.severity, anomaly, { standing, attempts, now })));
  }
  return {
    anomalies: found.length,
    made,
    failures: attempts.failures(),
    isPartial: isPartial || found.length > MOST_ANOMALIES,
  };
}

const rank = ({ severity }: Anomaly): number => GRAVEST_FIRST.indexOf(severity);

/** One that fails does not keep the others from being tried; the next pass tries it again. */
function attemptsOf({ onFailure }: Pick<MonitorParts, 'onFailure'>) {
  let failures = 0;
  return {
    failures: () => failures,
    async at(what: string, work: () => Promise<unknown>): Promise<void> {
      try {
        await work();
      } catch (error) {
        failures += 1;
        onFailure(what, error);
      }
    },
  };
}

async function read(store: SecurityEventStore, from: Date, to: Date, most: number) {
  const events: SecurityEvent[] = [];
  for await (const event of store.since(from, to)) {
    if (events.length >= most) return { events, isPartial: true };
    events.push(event);
  }
  return { events, isPartial: false };
}

function suspicion(anomaly: Anomaly, settings: MonitorSettings, now: Date): SecurityEvent {
  return eventOf(
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
}

interface Pending {
  readonly standing: Standing;
  readonly attempts: ReturnType<typeof attemptsOf>;
  readonly now: Date;
}

/** What the configuration says of a level is done about one anomaly, as far as it may be without a human; answers with what was done. */
async function triggerSecurityResponse(
  parts: MonitorParts,
  level: Severity,
  anomaly: Anomaly,
  { standing, attempts, now }: Pending,
): Promise<SecurityResponse[]> {
  const made: SecurityResponse[] = [];
  for (const kind of parts.settings.responses[level]) {
    await attempts.at(`${anomaly.rule}: ${kind}`, async () => {
      const known = [...standing.known, ...made];
      const response = await respondOnce(parts, kind, anomaly, { ...standing, known }, now);
      if (!response) return;
      made.push(response);
      await parts.events.add(eventOfResponse('security_response', response, anomaly.source_ip, now));
    });
  }
  return made;
}

async function respondOnce(
  parts: MonitorParts,
  kind: ResponseKind,
  { rule, severity, subject, detail }: Anomaly,
  standing: Standing,
  now: Date,
): Promise<SecurityResponse | null> {
  if (!subject || (await whyNot(parts, { kind, subject }, standing, now)) !== null) return null;
  const counts = Object.entries(detail).filter(([name]) => name !== 'account');
  const reason = `${rule.replaceAll('_', ' ')}: ${counts.map(([name, value]) => `${value} ${name}`).join(', ')}`;
  const { window_seconds: windowSeconds, response_minutes: minutes } = parts.settings;
  const response_id = automaticId([rule, subjectName(subject), kind], now, windowSeconds);
  return await respond(parts, { response_id, kind, subject, reason, severity, minutes }, BY, now);
}

/**
 * One response to one thing in one window, however often it is looked at and by how many at once. It has the shape and the order of a
 * UUID of version 7, as the ids of other responses have.
 */
function automaticId(of: readonly string[], now: Date, windowSeconds: number): string {
  const windowMs = windowSeconds * 1000;
  const time = (Math.floor(now.getTime() / windowMs) * windowMs).toString(16).padStart(12, '0');
  const digest = sha256(of.join('\n'));
  return `rsp_${time.slice(0, 8)}-${time.slice(8)}-7${digest.slice(0, 3)}-8${digest.slice(3, 6)}-${digest.slice(6, 18)}`;
}

const DAY_MS = 24 * 3600_000;
const PAGE = 200;

/** Responses last a day at most, so these are all that can be in force. */
async function responsesOfLastDay({ responses }: MonitorParts, now: Date): Promise<SecurityResponse[]> {
  const oldest = new Date(now.getTime() - DAY_MS).toISOString();
  const known: SecurityResponse[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<SecurityResponse> = await responses.list(PAGE, cursor);
    known.push(...page.items.filter(({ created_at: at }) => at >= oldest));
    cursor = page.items.every(({ created_at: at }) => at >= oldest) ? page.cursor : null;
  } while (cursor !== null);
  return known;
}
