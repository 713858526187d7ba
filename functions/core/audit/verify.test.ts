import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AuditItem, type AuditRecord, anchorKey, archiveKey, auditRecord, hourOf } from '../../contracts/audit.ts';
import { anchorHours } from './anchor.ts';
import { appendToChain, EMPTY_CHAIN } from './chain.ts';
import { type AuditedEntity, verifyAudit } from './verify.ts';

const at = (time: string): string => `2026-11-23T${time}:00.000Z`;

/** Two entities, one of this hour and one of an hour that is anchored. */
async function world() {
  const table = new Map<string, AuditItem>();
  const rows = new Map<string, AuditedEntity>();
  const objects = new Map<string, Uint8Array>();
  const nameOf = (entity: string, sequence: number) => `${entity} ${sequence}`;
  const put = (record: AuditRecord) =>
    table.set(nameOf(record.entity_id, record.sequence), { ...record, hour: hourOf(record.at) });
  const write = (entity: string, times: readonly string[]) => {
    let end = EMPTY_CHAIN;
    for (const time of times) {
      const draft = { action: 'step', actor: 'a', at: at(time), details: {} };
      const made = appendToChain(entity, end, draft);
      put(made.record);
      end = made.end;
    }
    rows.set(entity, { entity_id: entity, ...end });
  };
  async function* where(holds: (item: AuditItem) => boolean) {
    yield* [...table.values()].filter(holds).sort((a, b) => a.sequence - b.sequence);
  }
  async function* entities() {
    yield* rows.values();
  }
  const audit = {
    ofHour: (hour: string) => where((item) => item.hour === hour),
    ofEntity: (id: string) => where((item) => item.entity_id === id),
    get: async (id: string, sequence: number) => table.get(nameOf(id, sequence)) ?? null,
  };
  const overwritten: { where: string; fault: string }[] = [];
  const locked = {
    get: async (key: string) => objects.get(key) ?? null,
    putOnce: async (key: string, bytes: Uint8Array) => void objects.set(key, bytes),
    overwritten: async () => overwritten,
    hours: async () => [...objects.keys()].flatMap((key) => /^anchors\/(.*)\.json$/.exec(key)?.[1] ?? []),
  };
  write('exec_old', ['10:00', '10:10', '10:20']);
  const records = {
    async *ofHour(hour: string) {
      for await (const item of audit.ofHour(hour)) yield auditRecord.parse(item);
    },
  };
  await anchorHours({ audit: records, locked }, new Date(at('11:06')));
  write('exec_new', ['11:10', '11:20']);
  const verify = () =>
    verifyAudit({
      ...{ audit, locked, entities, entity: async (id) => rows.get(id) ?? null },
      ...{ now: () => new Date(at('11:30')), progress: () => {} },
    });
  return { table, rows, objects, overwritten, write, put, verify, nameOf };
}

describe('the verification', () => {
  it('finds nothing where nothing was done', async () => {
    const { verify } = await world();
    expect(await verify()).toEqual({ entities: 2, records: 5, anchors: 1, last_anchored_hour: '2026-11-23T10', faults: [] });
  });

  it('finds a chain that was made anew, with the row that counts it, by its anchor', async () => {
    const { verify, write } = await world();
    write('exec_old', ['10:00', '10:11', '10:20']);
    expect((await verify()).faults).toEqual([
      { where: 'exec_old', fault: 'record 2 is not the one anchored for 2026-11-23T10' },
      { where: 'exec_old', fault: 'record 3 is not the one anchored for 2026-11-23T10' },
    ]);
  });

  it('finds an anchored record that is gone, with its row or without', async () => {
    const { verify, table, rows, nameOf } = await world();
    rows.delete('exec_old');
    for (const sequence of [1, 2, 3]) table.delete(nameOf('exec_old', sequence));
    expect((await verify()).faults.map(({ fault }) => fault)).toEqual(
      [1, 2, 3].map((sequence) => `record ${sequence}, anchored for 2026-11-23T10, is gone`),
    );
  });

  it('says of a tail that is lost which hours are not anchored', async () => {
    const { verify, table, nameOf } = await world();
    table.delete(nameOf('exec_new', 2));
    expect((await verify()).faults).toEqual([
      {
        where: 'exec_new',
        fault: `the entity counts 2 records, found 1; what is missing was written after record 1, of ${at('11:10')}, and hours after 2026-11-23T10 are not anchored yet`,
      },
    ]);
  });

  it('names a record that no longer looks like one, and reads on', async () => {
    const { verify, table, nameOf } = await world();
    const { actor: _, ...rest }: Record<string, unknown> = table.get(nameOf('exec_old', 2)) ?? {};
    table.set(nameOf('exec_old', 2), { ...rest, entity_id: 'exec_old', sequence: 2 });
    table.delete(nameOf('exec_new', 2));
    const { faults } = await verify();
    expect(faults.map(({ where }) => where)).toEqual(expect.arrayContaining(['exec_old', 'exec_new']));
    expect(faults.find(({ where }) => where === 'exec_old')?.fault).toMatch(/^record 2 was changed: actor /);
  });

  it('finds a record kept under an hour where nobody would anchor it', async () => {
    const { verify, table, nameOf } = await world();
    const name = nameOf('exec_new', 1);
    table.set(name, { ...table.get(name), entity_id: 'exec_new', sequence: 1, hour: '2020-01-01T00' });
    expect((await verify()).faults).toEqual([
      { where: 'exec_new', fault: `record 1 is kept under 2020-01-01T00, and is of ${at('11:10')}` },
    ]);
  });

  it('finds any change to any field of any record, any field more or less, also of an anchored one whose entity is gone', async () => {
    const fields = ['action', 'actor', 'at', 'details', 'previous_hash', 'hash', 'hour', 'planted'];
    const records = [
      { entity: 'exec_old', sequence: 1, isGone: false },
      { entity: 'exec_old', sequence: 2, isGone: true },
      { entity: 'exec_old', sequence: 3, isGone: true },
      { entity: 'exec_new', sequence: 1, isGone: false },
      { entity: 'exec_new', sequence: 2, isGone: false },
    ];
    const value = fc.oneof(
      fc.constant(undefined),
      fc.string(),
      fc.integer(),
      fc.dictionary(fc.string(), fc.string()),
      fc.constant(new Set(['x'])),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...records), fc.constantFrom(...fields), value, async (record, field, changed) => {
        const { verify, table, rows, nameOf } = await world();
        if (record.isGone) rows.delete(record.entity);
        const name = nameOf(record.entity, record.sequence);
        const before = table.get(name) ?? {};
        fc.pre(
          JSON.stringify({ value: Reflect.get(before, field) }) !== JSON.stringify({ value: changed }) || changed instanceof Set,
        );
        const { [field]: _, ...rest }: Record<string, unknown> = before;
        const after = { ...rest, ...(changed === undefined ? {} : { [field]: changed }) };
        table.set(name, { ...after, entity_id: record.entity, sequence: record.sequence });
        expect((await verify()).faults.map(({ where }) => where)).toContain(record.entity);
      }),
      { numRuns: 400 },
    );
  });

  it('finds a record nobody counts, in an anchored hour and in this one', async () => {
    const { verify, put } = await world();
    const forge = (entity: string, time: string) => {
      const draft = { action: 'approved', actor: 'nobody', at: at(time), details: {} };
      put(appendToChain(entity, EMPTY_CHAIN, draft).record);
    };
    forge('exec_forged', '10:30');
    forge('exec_other', '11:25');
    expect((await verify()).faults).toEqual([
      { where: 'exec_forged', fault: 'record 1 was put into 2026-11-23T10 after it was anchored' },
      { where: 'exec_other', fault: 'record 1 is one its entity does not count' },
    ]);
  });

  it('finds anchors and files that were changed or are gone', async () => {
    const { verify, objects } = await world();
    const hour = '2026-11-23T10';
    const [anchor, archive] = [objects.get(anchorKey(hour)), objects.get(archiveKey(hour))];
    objects.delete(archiveKey(hour));
    expect((await verify()).faults).toEqual([{ where: hour, fault: 'its records are missing' }]);
    objects.set(archiveKey(hour), (archive ?? new Uint8Array()).slice(1));
    expect((await verify()).faults[0]).toEqual({ where: hour, fault: 'its records were changed' });
    objects.set(archiveKey(hour), archive ?? new Uint8Array());
    objects.set(
      anchorKey(hour),
      Buffer.from(
        Buffer.from(anchor ?? [])
          .toString()
          .replace('"records":3', '"records":2'),
      ),
    );
    expect((await verify()).faults).toEqual([{ where: hour, fault: 'it counts 2 records, and 3 are there' }]);
    objects.set(anchorKey(hour), Buffer.from('not even JSON'));
    expect((await verify()).faults).toEqual([{ where: hour, fault: 'it is no anchor' }]);
  });
});
