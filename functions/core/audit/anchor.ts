/** Anchoring: each hour's records are written down once more where nobody can change them, and hours are chained to each other. */
import {
  type AuditAnchor,
  type AuditRecord,
  anchorKey,
  archiveKey,
  auditAnchor,
  auditRecord,
  hourOf,
} from '../../contracts/audit.ts';
import { canonicalJson, sha256 } from '../text/json.ts';
import { HASH_BYTES, leafHash, merkleRoot, rootOfHashes } from './merkle.ts';

export interface AuditReader {
  /** The records of an hour, in no order. */
  ofHour(hour: string): AsyncIterable<AuditRecord>;
}

/** Objects that cannot be changed or deleted before their time. */
export interface LockedStore {
  get(key: string): Promise<Uint8Array | null>;
  /** Throws when the object is there already. */
  putOnce(key: string, bytes: Uint8Array, contentType: string): Promise<void>;
  /** The hours that have an anchor, in no order. */
  hours(): Promise<string[]>;
}

const HOUR_MS = 3600_000;
/** Records carry the time before they were written; by then all of an hour are there. */
const SETTLED_MS = 5 * 60_000;
/** So far back the last anchor is looked for by its name; after a longer pause all there are are listed. */
const HOURS_BACK = 24;
/** After a pause no more than these at a time; the next pass goes on. */
const MOST_AT_ONCE = 72;

const hourAt = (milliseconds: number): string => hourOf(new Date(milliseconds).toISOString());
const startOf = (hour: string): number => Date.parse(`${hour}:00:00.000Z`);

type Place = Pick<AuditRecord, 'entity_id' | 'sequence'>;
const byPlace = (a: Place, b: Place): number =>
  a.entity_id < b.entity_id ? -1 : a.entity_id > b.entity_id ? 1 : a.sequence - b.sequence;

export const inOrder = (records: readonly AuditRecord[]): AuditRecord[] => records.toSorted(byPlace);

/** What stands for a record in the root: its own hash covers all its fields. */
const leafOf = ({ entity_id, sequence, hash }: AuditRecord): string => canonicalJson({ entity_id, sequence, hash });

export const rootOf = (records: readonly AuditRecord[]): string => merkleRoot(inOrder(records).map(leafOf));

/** Anchors every hour that is over and is not anchored yet, oldest first; answers with their names. Doing it again changes nothing. */
export async function anchorHours(
  parts: { readonly audit: AuditReader; readonly locked: LockedStore },
  now: Date,
): Promise<{ anchored: string[] }> {
  const last = startOf(hourAt(now.getTime() - SETTLED_MS)) - HOUR_MS;
  let previous = await lastAnchored(parts.locked, last);
  const first = previous ? startOf(previous.hour) + HOUR_MS : last;
  const anchored: string[] = [];
  for (let at = first; at <= last && anchored.length < MOST_AT_ONCE; at += HOUR_MS) {
    const hour = hourAt(at);
    const bytes = await anchorHour(parts, hour, previous, now);
    previous = { hour, bytes };
    anchored.push(hour);
  }
  return { anchored };
}

interface StoredAnchor {
  readonly hour: string;
  readonly bytes: Uint8Array;
}

async function lastAnchored(locked: LockedStore, from: number): Promise<StoredAnchor | null> {
  for (let back = 0; back < HOURS_BACK; back += 1) {
    const hour = hourAt(from - back * HOUR_MS);
    const bytes = await locked.get(anchorKey(hour));
    if (bytes) return { hour, bytes };
  }
  const hour = (await locked.hours())
    .filter((one) => startOf(one) <= from)
    .toSorted()
    .at(-1);
  const bytes = hour === undefined ? null : await locked.get(anchorKey(hour));
  return hour !== undefined && bytes ? { hour, bytes } : null;
}

async function anchorHour(
  { audit, locked }: { readonly audit: AuditReader; readonly locked: LockedStore },
  hour: string,
  previous: StoredAnchor | null,
  now: Date,
): Promise<Uint8Array> {
  // An earlier try may have got this far: what it wrote stands.
  const written = await locked.get(archiveKey(hour));
  const { bytes: archive, hashes } = written ? readBack(written) : await collect(audit.ofHour(hour));
  if (!written) await locked.putOnce(archiveKey(hour), archive, 'application/x-ndjson');
  const anchor: AuditAnchor = {
    version: 1,
    hour,
    records: hashes.length / HASH_BYTES,
    root: rootOfHashes(hashes),
    archive_sha256: sha256(archive),
    previous_hour: previous?.hour ?? null,
    previous_sha256: previous ? sha256(previous.bytes) : '',
    anchored_at: now.toISOString(),
  };
  const bytes = Buffer.from(canonicalJson(anchor), 'utf8');
  await locked.putOnce(anchorKey(hour), bytes, 'application/json');
  return bytes;
}

interface Line extends Place {
  readonly line: string;
  /** In one character a byte. */
  readonly hash: string;
}

/** An hour may have a million records: of each only its line and its hash are held. */
async function collect(records: AsyncIterable<AuditRecord>): Promise<Archive> {
  const lines: Line[] = [];
  for await (const record of records) {
    const { entity_id, sequence } = record;
    const hash = Buffer.from(leafHash(leafOf(record))).toString('latin1');
    lines.push({ entity_id, sequence, line: lineOf(record), hash });
  }
  lines.sort(byPlace);
  const bytes = Buffer.allocUnsafe(lines.reduce((sum, { line }) => sum + Buffer.byteLength(line), 0));
  const hashes = Buffer.allocUnsafe(lines.length * HASH_BYTES);
  let at = 0;
  for (const [index, { line, hash }] of lines.entries()) {
    at += bytes.write(line, at, 'utf8');
    hashes.write(hash, index * HASH_BYTES, 'latin1');
  }
  return { bytes, hashes };
}

interface Archive {
  readonly bytes: Uint8Array;
  /** Of the leaves, one after the other. */
  readonly hashes: Uint8Array;
}

const lineOf = (record: AuditRecord): string => `${canonicalJson(record)}\n`;

export const archiveOf = (records: readonly AuditRecord[]): Uint8Array => Buffer.from(records.map(lineOf).join(''), 'utf8');

/** Line by line: the records themselves are not held. They lie in the order of the tree. */
function readBack(archive: Uint8Array): Archive {
  const hashes: Uint8Array[] = [];
  for (const record of linesIn(archive)) hashes.push(leafHash(leafOf(record)));
  return { bytes: archive, hashes: Buffer.concat(hashes) };
}

function* linesIn(archive: Uint8Array): Generator<AuditRecord> {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength);
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf('\n', from);
    const to = end < 0 ? bytes.length : end;
    if (to > from) yield auditRecord.parse(JSON.parse(bytes.toString('utf8', from, to)));
    from = to + 1;
  }
}

export const recordsIn = (archive: Uint8Array): AuditRecord[] => [...linesIn(archive)];

function anchorIn(bytes: Uint8Array): AuditAnchor | null {
  try {
    return auditAnchor.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch {
    return null;
  }
}

/** What is wrong with an anchor and its archive, or null. `previous` is the one stored before it, as its bytes. */
export function findAnchorFault(bytes: Uint8Array, archive: Uint8Array | null, previous: StoredAnchor | null): string | null {
  const anchor = anchorIn(bytes);
  if (!anchor) return 'it is no anchor';
  if (anchor.previous_hour !== (previous?.hour ?? null)) return `it names ${anchor.previous_hour} as the hour before it`;
  if (previous && anchor.previous_sha256 !== sha256(previous.bytes)) return 'the anchor before it was changed';
  if (!archive) return 'its records are missing';
  if (sha256(archive) !== anchor.archive_sha256) return 'its records were changed';
  const records = recordsIn(archive);
  if (records.length !== anchor.records) return `it counts ${anchor.records} records, and ${records.length} are there`;
  return rootOf(records) === anchor.root ? null : 'its root is not that of its records';
}
