/**
 * Looks at everything there is: each chain against its entity's own counter, each anchor against the one before it and against the table,
 * and what lies in the table against both. Holds one chain or one hour in memory at a time.
 */
import { type AuditRecord, anchorKey, archiveKey, hourOf } from '../../contracts/audit.ts';
import { type AuditReader, findAnchorFault, type LockedStore, recordsIn } from './anchor.ts';
import { type ChainEnd, findChainFault } from './chain.ts';
import type { AuditLog } from './read.ts';

export interface AuditedEntity extends ChainEnd {
  readonly entity_id: string;
}

export interface VerificationParts {
  readonly audit: AuditReader & Pick<AuditLog, 'ofEntity' | 'get'>;
  readonly locked: Pick<LockedStore, 'get'> & { hours(): Promise<string[]> };
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
  const faults: AuditFault[] = [];
  const hours = (await parts.locked.hours()).toSorted();
  const lastAnchored = hours.at(-1) ?? null;
  const chains = await verifyChains(parts, lastAnchored, faults);
  await verifyAnchors(parts, hours, faults);
  await verifyUnanchored(parts, lastAnchored, faults);
  return { ...chains, anchors: hours.length, last_anchored_hour: lastAnchored, faults };
}

async function verifyChains(parts: VerificationParts, lastAnchored: string | null, faults: AuditFault[]) {
  let entities = 0;
  let records = 0;
  for await (const seen of parts.entities()) {
    const chain = await collect(parts.audit.ofEntity(seen.entity_id));
    entities += 1;
    records += chain.length;
    if (entities % 500 === 0) parts.progress('chains', entities);
    if (findChainFault(chain, seen) === null) continue;
    // It may have grown between the two reads: the entity and its chain are looked at once more, the entity first and last.
    const before = await parts.entity(seen.entity_id);
    const again = await collect(parts.audit.ofEntity(seen.entity_id));
    const after = await parts.entity(seen.entity_id);
    const fault = before && after && before.audit_length === after.audit_length ? findChainFault(again, after) : null;
    if (fault === null) continue;
    const last = again.at(-1);
    const isAnchored = last !== undefined && lastAnchored !== null && hourOf(last.at) <= lastAnchored;
    const note =
      again.length < (after?.audit_length ?? 0)
        ? `; what is missing was written ${last ? `after ${last.at}` : 'at some time'}, and hours after ${lastAnchored ?? 'none'} are not anchored${isAnchored ? '' : ' yet'}`
        : '';
    faults.push({ where: seen.entity_id, fault: `${fault}${note}` });
  }
  parts.progress('chains', entities);
  return { entities, records };
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
    if (archive) await compareWithTable(parts, hour, recordsIn(archive), faults);
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
  const nameOf = ({ entity_id, sequence }: AuditRecord): string => `${entity_id} ${sequence}`;
  const inTable = new Map<string, AuditRecord>();
  for await (const record of parts.audit.ofHour(hour)) inTable.set(nameOf(record), record);
  for (const record of anchored) {
    // By its own key where the hour does not show it: its time may have been changed.
    const found = inTable.get(nameOf(record)) ?? (await parts.audit.get(record.entity_id, record.sequence));
    inTable.delete(nameOf(record));
    if (!found) faults.push({ where: record.entity_id, fault: `record ${record.sequence}, anchored for ${hour}, is gone` });
    else if (found.hash !== record.hash)
      faults.push({ where: record.entity_id, fault: `record ${record.sequence} is not the one anchored for ${hour}` });
  }
  for (const record of inTable.values())
    faults.push({ where: record.entity_id, fault: `record ${record.sequence} was put into ${hour} after it was anchored` });
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

async function collect(records: AsyncIterable<AuditRecord>): Promise<AuditRecord[]> {
  const all: AuditRecord[] = [];
  for await (const record of records) all.push(record);
  return all;
}
