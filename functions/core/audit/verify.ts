/**
 * Looks at everything there is: each chain against its entity's own counter, each anchor against the one before it and against the table,
 * and what lies in the table against both. Holds one chain or one hour in memory at a time.
 */
import { type AuditItem, type AuditRecord, anchorKey, archiveKey, hourOf, storedAuditRecord } from '../../contracts/audit.ts';
import { canonicalJson } from '../text/json.ts';
import { findAnchorFault, type LockedStore, recordsIn } from './anchor.ts';
import { type ChainEnd, findChainFault } from './chain.ts';

export interface AuditedEntity extends ChainEnd {
  readonly entity_id: string;
}

/** The table as it is: what no longer looks like a record must be named, not stop the reading. */
export interface AuditItems {
  ofHour(hour: string): AsyncIterable<AuditItem>;
  /** In order of their numbers, strongly consistent. */
  ofEntity(entityId: string): AsyncIterable<AuditItem>;
  get(entityId: string, sequence: number): Promise<AuditItem | null>;
}

export interface VerificationParts {
  readonly audit: AuditItems;
  readonly locked: Pick<LockedStore, 'get' | 'hours'> & {
    /** What was written over, or hidden: the lock keeps what was there first, and shows who tried. */
    overwritten(): Promise<readonly AuditFault[]>;
  };
  /** Every entity that counts records. */
  readonly entities: () => AsyncIterable<AuditedEntity>;
  readonly entity: (entityId: string) => Promise<AuditedEntity | null>;
  readonly now: () => Date;
  /** Told now and then how far it is. */
  readonly progress: (what: string, count: number) => void;
}

export interface AuditFault {
  /** An entity's id, or an hour. */
  readonly where: string;
  readonly fault: string;
}

export interface Verification {
  readonly entities: number;
  readonly records: number;
  readonly anchors: number;
  readonly last_anchored_hour: string | null;
  readonly faults: readonly AuditFault[];
}

const HOUR_MS = 3600_000;
const startOf = (hour: string): number => Date.parse(`${hour}:00:00.000Z`);

export async function verifyAudit(parts: VerificationParts): Promise<Verification> {
  const faults: AuditFault[] = [...(await parts.locked.overwritten())];
  const hours = (await parts.locked.hours()).toSorted();
  const lastAnchored = hours.at(-1) ?? null;
  const chains = await verifyChains(parts, lastAnchored, faults);
  await verifyAnchors(parts, hours, faults);
  await verifyUnanchored(parts, lastAnchored, faults);
  return { ...chains, anchors: hours.length, last_anchored_hour: lastAnchored, faults };
}

const AT_ONCE = 16;

async function verifyChains(parts: VerificationParts, lastAnchored: string | null, faults: AuditFault[]) {
  const counts = { entities: 0, records: 0 };
  const entities = parts.entities()[Symbol.asyncIterator]();
  const worker = async () => {
    for (let step = await entities.next(); !step.done; step = await entities.next()) {
      const seen = step.value;
      const chain = await collect(parts.audit.ofEntity(seen.entity_id));
      counts.entities += 1;
      counts.records += chain.length;
      if (counts.entities % 500 === 0) parts.progress('chains', counts.entities);
      const fault = findFault(chain, seen) === null ? null : await lastingFault(parts, seen.entity_id, lastAnchored);
      if (fault !== null) faults.push({ where: seen.entity_id, fault });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  parts.progress('chains', counts.entities);
  return counts;
}

/** A chain may have grown between two reads: it is looked at once more, with its entity before and after. */
async function lastingFault(parts: VerificationParts, entityId: string, lastAnchored: string | null): Promise<string | null> {
  const before = await parts.entity(entityId);
  const chain = await collect(parts.audit.ofEntity(entityId));
  const after = await parts.entity(entityId);
  if (!before || !after || before.audit_length !== after.audit_length) return null;
  const fault = findFault(chain, after);
  if (fault === null || chain.length >= after.audit_length) return fault;
  const last = chain.at(-1);
  const since = last ? `after record ${last.sequence}, of ${last.at}` : 'at some time';
  return `${fault}; what is missing was written ${since}, and hours after ${lastAnchored ?? 'the beginning'} are not anchored yet`;
}

/** First fault of the items themselves, then of the chain they make. */
function findFault(items: readonly AuditItem[], end: ChainEnd): string | null {
  const records: AuditRecord[] = [];
  for (const item of items) {
    const stored = storedAuditRecord.safeParse(item);
    if (!stored.success) {
      const [issue] = stored.error.issues;
      return `record ${item.sequence} was changed: ${[...(issue?.path ?? []), issue?.message].join(' ')}`;
    }
    const { hour, ...record } = stored.data;
    // No hash covers the hour; under another one the record would be anchored by nobody.
    if (hour !== hourOf(record.at)) return `record ${record.sequence} is kept under ${hour}, and is of ${record.at}`;
    records.push(record);
  }
  return findChainFault(records, end);
}

async function verifyAnchors(parts: VerificationParts, hours: readonly string[], faults: AuditFault[]): Promise<void> {
  let previous: { hour: string; bytes: Uint8Array } | null = null;
  for (const [index, hour] of hours.entries()) {
    const [bytes, archive] = await Promise.all([parts.locked.get(anchorKey(hour)), parts.locked.get(archiveKey(hour))]);
    if (!bytes) {
      faults.push({ where: hour, fault: 'its anchor is listed and cannot be read' });
      continue;
    }
    const fault = findAnchorFault(bytes, archive, previous);
    if (fault !== null) faults.push({ where: hour, fault });
    previous = { hour, bytes };
    // What is not the file that was anchored says nothing about the table.
    if (archive && fault === null) await compareWithTable(parts, hour, recordsIn(archive), faults);
    if (index % 100 === 99) parts.progress('anchors', index + 1);
  }
  parts.progress('anchors', hours.length);
}

async function compareWithTable(
  parts: VerificationParts,
  hour: string,
  anchored: readonly AuditRecord[],
  faults: AuditFault[],
): Promise<void> {
  const nameOf = ({ entity_id, sequence }: AuditItem): string => `${entity_id} ${sequence}`;
  const inTable = new Map<string, AuditItem>();
  for await (const record of parts.audit.ofHour(hour)) inTable.set(nameOf(record), record);
  for (const record of anchored) {
    // By its own key where the hour does not show it: its time may have been changed.
    const found = inTable.get(nameOf(record)) ?? (await parts.audit.get(record.entity_id, record.sequence));
    inTable.delete(nameOf(record));
    if (!found) faults.push({ where: record.entity_id, fault: `record ${record.sequence}, anchored for ${hour}, is gone` });
    else if (!isSame(found, record, hour))
      faults.push({ where: record.entity_id, fault: `record ${record.sequence} is not the one anchored for ${hour}` });
  }
  for (const record of inTable.values())
    faults.push({ where: record.entity_id, fault: `record ${record.sequence} was put into ${hour} after it was anchored` });
}

/** In every field: where the entity's row is gone, nothing else looks at what the hash stands for. */
function isSame(found: AuditItem, anchored: AuditRecord, hour: string): boolean {
  return storedAuditRecord.safeParse(found).success && canonicalJson(found) === canonicalJson({ ...anchored, hour });
}

/** Hours since the last anchor: every record belongs to an entity that counts it. */
async function verifyUnanchored(parts: VerificationParts, lastAnchored: string | null, faults: AuditFault[]): Promise<void> {
  const now = parts.now().getTime();
  const begin = lastAnchored === null ? now - 2 * HOUR_MS : startOf(lastAnchored) + HOUR_MS;
  for (let at = begin; at <= now; at += HOUR_MS) {
    for await (const record of parts.audit.ofHour(new Date(at).toISOString().slice(0, 13))) {
      const entity = await parts.entity(record.entity_id);
      if (!entity || record.sequence > entity.audit_length)
        faults.push({ where: record.entity_id, fault: `record ${record.sequence} is one its entity does not count` });
    }
  }
}

async function collect(records: AsyncIterable<AuditItem>): Promise<AuditItem[]> {
  const all: AuditItem[] = [];
  for await (const record of records) all.push(record);
  return all;
}
