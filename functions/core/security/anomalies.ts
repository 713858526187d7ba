/** What many small refusals mean together. Pure: the events of a window in, what stands out of them out. */
import type { ResponseSubject, SecurityEvent, Severity } from '../../contracts/security-event.ts';

export interface Anomaly {
  readonly rule:
    | 'failed_logins'
    | 'account_spray'
    | 'permission_probing'
    | 'denial_burst'
    | 'key_new_network'
    | 'credential_copied';
  readonly severity: Severity;
  /** Whom a response would be about; null where it would hit whoever is being attacked. */
  readonly subject: ResponseSubject | null;
  readonly source_ip: string;
  readonly detail: Readonly<Record<string, string | number>>;
}

export interface AnomalyLimits {
  readonly failed_logins: number;
  readonly account_spray: number;
  readonly permission_probing: number;
  readonly denial_burst: number;
  readonly key_new_network: boolean;
}

export function detectAnomalies(events: readonly SecurityEvent[], limits: AnomalyLimits): Anomaly[] {
  const probing = permissionProbing(events, limits.permission_probing);
  const bursts = denialBurst(events, limits.denial_burst);
  const probers = new Set([...probing, ...bursts].flatMap(({ subject }) => subject?.key_id ?? []));
  return [
    ...failedLogins(events, limits.failed_logins),
    ...accountSpray(events, limits.account_spray),
    ...probing,
    ...bursts,
    ...(limits.key_new_network ? keyInNewNetwork(events, probers) : []),
    ...credentialCopied(events),
  ];
}

const accountOf = ({ details }: SecurityEvent): string | null => (typeof details.account === 'string' ? details.account : null);
const total = (events: readonly SecurityEvent[]): number => events.reduce((sum, { count }) => sum + count, 0);
const failures = (events: readonly SecurityEvent[]): SecurityEvent[] =>
  events.filter((event) => event.event_type === 'authentication_failure' && accountOf(event) !== null);

/** Many wrong passwords on one account. The account is the victim: at most the addresses are slowed down, each for its own part. */
function failedLogins(events: readonly SecurityEvent[], most: number): Anomaly[] {
  return [...Map.groupBy(failures(events), accountOf)].flatMap(([account, tries]): Anomaly[] => {
    if (total(tries) < most || account === null) return [];
    const [busiest] = [...Map.groupBy(tries, ({ source_ip }) => source_ip)].toSorted((a, b) => total(b[1]) - total(a[1]));
    const address = busiest && total(busiest[1]) >= most ? busiest[0] : null;
    return [
      {
        rule: 'failed_logins',
        severity: 'high',
        subject: subjectOfAddress(address),
        source_ip: busiest?.[0] ?? '',
        detail: { account, failures: total(tries), addresses: new Set(tries.map(({ source_ip }) => source_ip)).size },
      },
    ];
  });
}

/** One address that tries many accounts. */
function accountSpray(events: readonly SecurityEvent[], most: number): Anomaly[] {
  return [...Map.groupBy(failures(events), ({ source_ip }) => source_ip)].flatMap(([address, tries]): Anomaly[] => {
    const accounts = new Set(tries.map(accountOf)).size;
    if (accounts < most) return [];
    return [
      {
        rule: 'account_spray',
        severity: 'critical',
        subject: subjectOfAddress(address),
        source_ip: address,
        detail: { accounts, failures: total(tries) },
      },
    ];
  });
}

const isRefusal = ({ event_type: type }: SecurityEvent): boolean =>
  type === 'permission_denied' || type === 'rate_limit_exceeded' || type === 'authentication_failure';

/** A program with a wrong setting stops at some point, or is slowed down; one that goes on is not mistaken any more. */
const gravityOf = (timesTheLimit: number): Severity =>
  timesTheLimit >= CRITICAL_TIMES ? 'critical' : timesTheLimit >= HIGH_TIMES ? 'high' : 'medium';
const HIGH_TIMES = 5;
const CRITICAL_TIMES = 10;

/** A caller who tries one door after the other; graver, the longer it goes on. */
function permissionProbing(events: readonly SecurityEvent[], most: number): Anomaly[] {
  const denied = events.filter((event) => event.event_type === 'permission_denied' && callerOf(event) !== null);
  return [...Map.groupBy(denied, callerOf)].flatMap(([caller, tries]): Anomaly[] => {
    const endpoints = new Set(tries.map(({ endpoint }) => endpoint)).size;
    const [first] = tries;
    if (endpoints < most || !first || caller === null) return [];
    const refusals = total(tries);
    const detail = { endpoints, refusals };
    return [
      {
        rule: 'permission_probing',
        severity: gravityOf(refusals / most),
        subject: subjectOf(first),
        source_ip: first.source_ip,
        detail,
      },
    ];
  });
}

function denialBurst(events: readonly SecurityEvent[], most: number): Anomaly[] {
  const refused = events.filter(isRefusal);
  return [...Map.groupBy(refused, (event) => callerOf(event) ?? event.source_ip)].flatMap(([, tries]): Anomaly[] => {
    const [first] = tries;
    if (total(tries) < most || !first) return [];
    const detail = { refusals: total(tries) };
    return [{ rule: 'denial_burst', severity: 'medium', subject: subjectOf(first), source_ip: first.source_ip, detail }];
  });
}

/** Whoever moves has one new network. A key that shows up in several at once, or is tried on every door there, is in other hands. */
const MOST_NEW_NETWORKS = 2;

function keyInNewNetwork(events: readonly SecurityEvent[], probers: ReadonlySet<string>): Anomaly[] {
  const uses = events.filter(({ event_type: type }) => type === 'key_new_network');
  return [...Map.groupBy(uses, ({ key_id: keyId }) => keyId)].flatMap(([keyId, seen]): Anomaly[] => {
    const [first] = seen;
    if (keyId === null || !first) return [];
    const networks = new Set(seen.map(({ details }) => details.network)).size;
    const isStolen = networks > MOST_NEW_NETWORKS || probers.has(keyId);
    const severity = isStolen ? 'critical' : 'medium';
    return [{ rule: 'key_new_network', severity, subject: { key_id: keyId }, source_ip: first.source_ip, detail: { networks } }];
  });
}

/** A refresh token that came twice: its holder or somebody else has a copy. */
function credentialCopied(events: readonly SecurityEvent[]): Anomaly[] {
  const copies = events.filter((event) => event.event_type === 'credential_copied' && event.user_id !== null);
  return [...Map.groupBy(copies, ({ user_id: userId }) => userId)].flatMap(([userId, uses]): Anomaly[] => {
    const [first] = uses;
    if (userId === null || !first) return [];
    const detail = { uses: total(uses) };
    return [{ rule: 'credential_copied', severity: 'high', subject: { user_id: userId }, source_ip: first.source_ip, detail }];
  });
}

const callerOf = ({ key_id, user_id }: SecurityEvent): string | null => key_id ?? user_id;

function subjectOf({ key_id, user_id, source_ip }: SecurityEvent): ResponseSubject | null {
  if (key_id !== null) return { key_id };
  return user_id !== null ? { user_id } : subjectOfAddress(source_ip);
}

const subjectOfAddress = (address: string | null): ResponseSubject | null =>
  address === null || address === '' ? null : { address };
