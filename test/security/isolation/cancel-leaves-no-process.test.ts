import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { expect, it } from 'vitest';
import { allEvents, approve, as, type EventsAnswer, finished, submit } from '../../support/airlock.ts';
import { executionRow, processesWith } from '../../support/faults.ts';
import { program } from './support.ts';

/** Processes of the guest, as this machine sees them: in the sandbox's process namespace and not root's; with when each began. */
function guestsOf(sandboxId: string): string[] {
  const [supervisor] = processesWith(`AIRLOCK_SANDBOX_ID=${sandboxId}`);
  if (!supervisor) throw new Error(`${sandboxId} does not run`);
  const namespace = readlinkSync(`/proc/${supervisor}/ns/pid`);
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const isGuest =
          readlinkSync(`/proc/${pid}/ns/pid`) === namespace && !/^Uid:\t0\t/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
        return isGuest ? [`${pid} ${beganAt(pid)}`] : [];
      } catch {
        return [];
      }
    });
}

/** The 22nd field, counted behind the name, which may hold anything. */
const beganAt = (pid: string): string => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19] ?? '';

function isAlive(guest: string): boolean {
  const [pid = '', began] = guest.split(' ');
  try {
    return beganAt(pid) === began;
  } catch {
    return false;
  }
}

it('a cancel leaves no process: not those that ignore signals, lost their parents, have their own session, or are stopped', async () => {
  const submitted = await submit({ language: 'python', code: program('stubborn.py'), timeout_seconds: 120 });
  await approve(submitted);
  const developer = await as('developer');
  for (let after = 0, text = ''; !text.includes('up'); ) {
    const { body } = await developer.call<EventsAnswer>(
      'GET',
      `/api/v1/executions/${submitted.execution_id}/events?after=${after}&wait=20`,
    );
    after = body.last_seq;
    text += body.events.map((event) => ('text' in event ? event.text : '')).join('');
  }
  const { sandbox_id: sandboxId } = await executionRow(submitted.execution_id);
  const guests = guestsOf(String(sandboxId));
  expect(guests.length).toBeGreaterThanOrEqual(6);
  await developer.call('POST', `/api/v1/executions/${submitted.execution_id}/cancel`, { reason: 'enough' });
  const result = await finished(submitted.execution_id);
  expect(result).toMatchObject({ status: 'cancelled', error: { code: 'cancelled' } });
  expect((await allEvents(submitted.execution_id)).at(-1)).toMatchObject({ type: 'exit', reason: 'cancelled' });
  expect(guests.filter(isAlive)).toEqual([]);
});
