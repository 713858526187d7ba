import { describe, expect, it } from 'vitest';
import { type AuditRecord, anchorKey, archiveKey, hourOf } from '../../contracts/audit.ts';
import { anchorHours } from './anchor.ts';
import { appendToChain, EMPTY_CHAIN } from './chain.ts';
import { type AuditedEntity, verifyAudit } from './verify.ts';

const at = (time: string): string => `2026-11-23T${time}:00.000Z`;

/** Two entities, one of this hour and one of an hour that is anchored. */
async function world() {
  const table = new Map<string, AuditRecord>();
  const rows = new Map<string, AuditedEntity>();
  const objects = new Map<string, Uint8Array>();
  const nameOf = (entity: string, sequence: number) => `${entity} ${sequence}`;
  const write = (entity: string, times: readonly string[]) => {
    let end = EMPTY_CHAIN;
    for (const time of times) {
      const draft = { action: 'step', actor: 'a', at: at(time), details: {} };
      const made = appendToChain(entity, end, draft);
      table.set(nameOf(entity, made.record.sequence), made.record);
      end = made.end;
    }
    rows.set(entity, { entity_id: entity, ...end });
  };
  async function* where(holds: (record: AuditRecord) => boolean) {
    yield* [...table.values()].filter(holds).sort((a, b) => a.sequence - b.sequence);
  }
  async function* entities() {
    yield* rows.values();
  }
  const audit = {
    ofHour: (hour: string) => where((record) => hourOf(record.at) === hour),
    ofEntity: (id: string) => where((record) => record.entity_id === id),
    get: async (id: string, sequence: number) => table.get(nameOf(id, sequence)) ?? null,
  };
  const locked = {
    get: async (key: string) => objects.get(key) ?? null,
    putOnce: async (key: string, bytes: Uint8Array) => void objects.set(key, bytes),
    hours: async () => [...objects.keys()].flatMap((key) => /^anchors\/(.*)\.json$/.exec(key)?.[1] ?? []),
  };
  write('exec_old', ['10:00', '10:10', '10:20']);
  await anchorHours({ audit, locked }, new Date(at('11:06')));
  write('exec_new', ['11:10', '11:20']);
  const verify = () =>
    verifyAudit({
      ...{ audit, locked, entities, entity: async (id) => rows.get(id) ?? null },
      ...{ now: () => new Date(at('11:30')), progress: () => {} },
    });
  return { table, rows, objects, write, verify, nameOf };
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
        fault: `the entity counts 2 records, found 1; what is missing was written after ${at('11:10')}, and hours after 2026-11-23T10 are not anchored yet`,
      },
    ]);
  });

  it('finds a record nobody counts, in an anchored hour and in this one', async () => {
    const { verify, table, nameOf } = await world();
    const forge = (entity: string, time: string) => {
      const draft = { action: 'approved', actor: 'nobody', at: at(time), details: {} };
      table.set(nameOf(entity, 1), appendToChain(entity, EMPTY_CHAIN, draft).record);
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
