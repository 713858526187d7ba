import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AuditRecord, anchorKey, archiveKey } from '../../contracts/audit.ts';
import { anchorHours, archiveOf, findAnchorFault, rootOf } from './anchor.ts';
import { appendToChain, EMPTY_CHAIN, findChainFault } from './chain.ts';
import { merkleRoot } from './merkle.ts';

function chainOf(entity: string, length: number, at = '2026-11-23T10:00:00.000Z') {
  let end = EMPTY_CHAIN;
  const records = Array.from({ length }, (_, index): AuditRecord => {
    const made = appendToChain(entity, end, { action: `step_${index}`, actor: 'a', at, details: { n: index } });
    end = made.end;
    return made.record;
  });
  return { records, end };
}

function lockedStore() {
  const objects = new Map<string, Uint8Array>();
  return {
    objects,
    get: async (key: string) => objects.get(key) ?? null,
    hours: async () => [...objects.keys()].flatMap((key) => /^anchors\/(.*)\.json$/.exec(key)?.[1] ?? []),
    putOnce: async (key: string, bytes: Uint8Array) => {
      if (objects.has(key)) throw new Error(`${key} is there already`);
      objects.set(key, bytes);
    },
  };
}

describe('a Merkle root', () => {
  it('is the one of RFC 6962', () => {
    // Of the leaves of that RFC's own test tree, as certificate-transparency publishes them.
    expect(merkleRoot([])).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(merkleRoot([''])).toBe('6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d');
    expect(merkleRoot(['', '\0'])).toBe('fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125');
  });

  it('changes with every leaf, their order and their number', () => {
    const leaves = fc.uniqueArray(fc.string(), { minLength: 2, maxLength: 20 });
    fc.assert(
      fc.property(leaves, fc.nat(), fc.string(), (list, at, other) => {
        const index = at % list.length;
        const root = merkleRoot(list);
        expect(merkleRoot(list.toReversed())).not.toBe(root);
        expect(merkleRoot(list.toSpliced(index, 1))).not.toBe(root);
        expect(merkleRoot(list.toSpliced(index, 0, other))).not.toBe(root);
        if (!list.includes(other)) expect(merkleRoot(list.toSpliced(index, 1, other))).not.toBe(root);
      }),
    );
  });
});

/** Everything that can be done to one record of a list. */
type Edit = (records: AuditRecord[], index: number) => AuditRecord[];
const EDITS: Readonly<Record<string, Edit>> = {
  'its action': (records, index) => records.with(index, { ...(records[index] as AuditRecord), action: 'other' }),
  'its actor': (records, index) => records.with(index, { ...(records[index] as AuditRecord), actor: 'other' }),
  'its time': (records, index) => records.with(index, { ...(records[index] as AuditRecord), at: '2026-11-23T10:00:01.000Z' }),
  'its details': (records, index) => records.with(index, { ...(records[index] as AuditRecord), details: {} }),
  'its number': (records, index) => records.with(index, { ...(records[index] as AuditRecord), sequence: 99 }),
  'its hash': (records, index) => records.with(index, { ...(records[index] as AuditRecord), hash: 'f'.repeat(64) }),
  'the hash before it': (records, index) =>
    records.with(index, { ...(records[index] as AuditRecord), previous_hash: 'f'.repeat(64) }),
  'its entity': (records, index) => records.with(index, { ...(records[index] as AuditRecord), entity_id: 'exec_other' }),
  'its being there': (records, index) => records.toSpliced(index, 1),
  'a copy of it': (records, index) => records.toSpliced(index, 0, records[index] as AuditRecord),
};

describe('any edit of any single record', () => {
  it.each(Object.entries(EDITS))('of %s is found in its chain', (_, edit) => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.nat(), (length, at) => {
        const { records, end } = chainOf('exec_1', length);
        expect(findChainFault(records, end)).toBeNull();
        expect(findChainFault(edit(records, at % length), end)).not.toBeNull();
      }),
    );
  });

  it.each(Object.entries(EDITS))('of %s is found by the anchor, also when its chain was made anew around it', async (_, edit) => {
    const { records } = chainOf('exec_1', 5);
    const locked = lockedStore();
    async function* ofHour() {
      yield* records;
    }
    await anchorHours({ audit: { ofHour }, locked }, new Date('2026-11-23T11:06:00Z'));
    const anchor = locked.objects.get(anchorKey('2026-11-23T10')) ?? new Uint8Array();
    const archive = locked.objects.get(archiveKey('2026-11-23T10')) ?? null;
    expect(findAnchorFault(anchor, archive, null)).toBeNull();
    for (let index = 0; index < records.length; index += 1)
      expect(findAnchorFault(anchor, archiveOf(edit(records, index)), null)).not.toBeNull();
    const forged = chainOf('exec_1', 5, '2026-11-23T10:00:02.000Z').records;
    expect(rootOf(forged)).not.toBe(rootOf(records));
    expect(findAnchorFault(anchor, archiveOf(forged), null)).toBe('its records were changed');
  });
});

describe('anchoring', () => {
  const hours = ['2026-11-23T08', '2026-11-23T09', '2026-11-23T10'];
  async function* nothing(): AsyncGenerator<AuditRecord> {}
  const audit = { ofHour: (hour: string) => (hour === hours[1] ? of(chainOf('exec_1', 3).records) : nothing()) };
  async function* of(records: AuditRecord[]) {
    yield* records;
  }
  const at = (time: string) => new Date(`2026-11-23T${time}:00Z`);

  it('goes on where it stopped, hour by hour, each naming the one before; a repeat changes nothing', async () => {
    const locked = lockedStore();
    expect(await anchorHours({ audit, locked }, at('09:06'))).toEqual({ anchored: [hours[0]] });
    expect(await anchorHours({ audit, locked }, at('11:06'))).toEqual({ anchored: [hours[1], hours[2]] });
    expect(await anchorHours({ audit, locked }, at('11:30'))).toEqual({ anchored: [] });
    let previous: { hour: string; bytes: Uint8Array } | null = null;
    for (const hour of hours) {
      const bytes: Uint8Array = locked.objects.get(anchorKey(hour)) ?? new Uint8Array();
      expect(findAnchorFault(bytes, locked.objects.get(archiveKey(hour)) ?? null, previous)).toBeNull();
      previous = { hour, bytes };
    }
  });

  it('leaves no hour out after a pause of weeks, and takes a few days of them at a time', async () => {
    const locked = lockedStore();
    await anchorHours({ audit, locked }, new Date('2026-10-01T09:06:00Z'));
    const anchored: string[] = [];
    for (let pass = 0; pass < 100; pass += 1) {
      const { anchored: now } = await anchorHours({ audit, locked }, at('11:06'));
      expect(now.length).toBeLessThanOrEqual(72);
      if (now.length === 0) break;
      anchored.push(...now);
    }
    expect(anchored).toHaveLength(53 * 24 + 2);
    expect(anchored.at(0)).toBe('2026-10-01T09');
    expect(anchored.at(-1)).toBe('2026-11-23T10');
  });

  it('says the same in whatever order an hour’s records come, also when it died after they were written', async () => {
    const records = [...chainOf('exec_2', 12).records, ...chainOf('exec_1', 3).records, ...chainOf('exec_ü', 1).records];
    const written = async (order: AuditRecord[], isRetry: boolean) => {
      const locked = lockedStore();
      const ofHour = (hour: string) => (hour === hours[2] ? of(order) : nothing());
      if (isRetry) {
        const putOnce: typeof locked.putOnce = async (key, bytes) => {
          if (key === anchorKey('2026-11-23T10')) throw new Error('ended in between');
          await locked.putOnce(key, bytes);
        };
        await expect(anchorHours({ audit: { ofHour }, locked: { ...locked, putOnce } }, at('11:06'))).rejects.toThrow(
          'in between',
        );
      }
      await anchorHours({ audit: { ofHour: isRetry ? nothing : ofHour }, locked }, at('11:06'));
      const [anchor, archive] = [anchorKey('2026-11-23T10'), archiveKey('2026-11-23T10')].map((key) => locked.objects.get(key));
      expect(findAnchorFault(anchor ?? new Uint8Array(), archive ?? null, null)).toBeNull();
      return [anchor, archive].map((bytes) => Buffer.from(bytes ?? []).toString('utf8'));
    };
    const one = await written(records, false);
    expect(JSON.parse(one[0] ?? '')).toMatchObject({ records: 16, root: rootOf(records) });
    for (const order of [records.toReversed(), records.toSorted((a, b) => a.sequence - b.sequence)])
      for (const isRetry of [false, true]) expect(await written(order, isRetry)).toEqual(one);
  });

  it('waits until an hour is over and settled', async () => {
    const locked = lockedStore();
    expect(await anchorHours({ audit, locked }, at('11:04'))).toEqual({ anchored: ['2026-11-23T09'] });
  });

  it('that died after the records were written goes on with those', async () => {
    const locked = lockedStore();
    const { putOnce } = locked;
    locked.putOnce = async (key, bytes) => {
      if (key.startsWith('anchors/')) throw new Error('killed');
      await putOnce(key, bytes);
    };
    await expect(anchorHours({ audit, locked }, at('10:06'))).rejects.toThrow('killed');
    locked.putOnce = putOnce;
    expect(await anchorHours({ audit, locked }, at('10:06'))).toEqual({ anchored: [hours[1]] });
  });

  it('shows that an anchor was taken out, or put in another’s place', async () => {
    const locked = lockedStore();
    for (const time of ['09:06', '10:06', '11:06']) await anchorHours({ audit, locked }, at(time));
    const bytes = (hour: string) => locked.objects.get(anchorKey(hour)) ?? new Uint8Array();
    const archive = (hour: string) => locked.objects.get(archiveKey(hour)) ?? null;
    const [first = '', , third = ''] = hours;
    expect(findAnchorFault(bytes(third), archive(third), { hour: first, bytes: bytes(first) })).toContain('names');
    const other = { hour: '2026-11-23T09', bytes: bytes(first) };
    expect(findAnchorFault(bytes(third), archive(third), other)).toBe('the anchor before it was changed');
    expect(findAnchorFault(bytes(first), null, null)).toBe('its records are missing');
  });
});
