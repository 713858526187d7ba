import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AuditRecord } from '../../contracts/audit.ts';
import { appendToChain, EMPTY_CHAIN, findChainFault } from './chain.ts';

function chainOf(length: number) {
  let end = EMPTY_CHAIN;
  const records: AuditRecord[] = [];
  for (let index = 0; index < length; index += 1) {
    const next = appendToChain('exec_1', end, {
      action: `step ${index}`,
      actor: 'user-1',
      at: '2026-11-23T10:00:00.000Z',
      details: { index },
    });
    records.push(next.record);
    end = next.end;
  }
  return { records, end };
}

describe('an audit chain', () => {
  it('that nobody touched has no fault', () => {
    const { records, end } = chainOf(5);
    expect(findChainFault(records, end)).toBeNull();
  });

  it('shows every edit of a record, every removal and every swap', () => {
    const edits = fc.record({
      length: fc.integer({ min: 2, max: 8 }),
      at: fc.nat(),
      kind: fc.constantFrom('edit', 'drop', 'swap', 'repeat'),
    });
    fc.assert(
      fc.property(edits, ({ length, at, kind }) => {
        const { records, end } = chainOf(length);
        const index = at % length;
        const record = records[index];
        if (!record) return;
        const changed = [...records];
        if (kind === 'edit') changed[index] = { ...record, actor: 'somebody else' };
        if (kind === 'drop') changed.splice(index, 1);
        if (kind === 'repeat') changed.splice(index, 0, record);
        if (kind === 'swap') {
          const other = (index + 1) % length;
          [changed[index], changed[other]] = [changed[other] ?? record, record];
        }
        expect(findChainFault(changed, end)).not.toBeNull();
      }),
    );
  });
});
