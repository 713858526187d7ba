import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, as, type Client, submit } from '../support/airlock.ts';
import { somebody } from '../support/people.ts';
import type { Measurement } from './measurement.ts';

/** One kind of request: how often of a hundred, and whether an answer says what it should. */
interface Kind {
  readonly share: number;
  readonly send: (client: Client) => Promise<Answer<unknown>>;
  readonly isRight: (answer: Answer<unknown>) => boolean;
}

interface Tally {
  readonly rate: number;
  readonly latencies: number[];
  right: number;
  wrong: number;
  refused: number;
  readonly failures: string[];
}

const PROBE_SECONDS = 8;
const FULL_SECONDS = 60;
const FIRST_RATE = 20;
const STEP = 1.25;
const WARM_UP_SECONDS = 10;
const WARM_UP_AT_ONCE = 8;
/** Far more than may wait for their turn: whether a request is refused is said by the system, and not by who measures. */
const MOST_IN_FLIGHT = 2_000;
const RECOVERED_MS = 200;

/**
 * The highest rate at which at least 99 of 100 answers are right and none is a fault of ours; requests are sent on time whether or not
 * earlier ones were answered. Raised by half until it breaks, the one before held for a minute; then twice of it.
 */
export const load: Measurement = {
  name: 'load',
  rounds: { usual: 1, full: 1 },
  async measure() {
    const client = await as('developer');
    const kinds = await kindsFor();
    await warmUp(client, kinds);
    let good = FIRST_RATE;
    // Upwards until it breaks, and no further: what broke takes minutes to recover, and would spoil what comes after it.
    for (let rate = FIRST_RATE; ; rate *= STEP) {
      const tally = await run(client, kinds, rate, PROBE_SECONDS);
      process.stderr.write(` ${said(tally)}\n`);
      if (!isGood(tally)) break;
      good = rate;
    }
    await recovered(client);
    let held = await run(client, kinds, good, FULL_SECONDS);
    for (let tries = 0; !isGood(held) && tries < 4; tries += 1) {
      good /= STEP;
      await recovered(client);
      held = await run(client, kinds, good, FULL_SECONDS);
    }
    process.stderr.write(` held: ${said(held)}\n`);
    await recovered(client);
    const double = await run(client, kinds, good * 2, FULL_SECONDS);
    process.stderr.write(` twice: ${said(double)}\n`);
    return [
      { what: `highest rate held for ${FULL_SECONDS} s (30 % writes)`, unit: '/min', samples: [good * 60], bars: [] },
      { what: '  answered after', unit: 'ms', samples: held.latencies, bars: [] },
      { what: '  right answers, of a hundred', unit: '×', samples: [share(held, held.right)], bars: [] },
      {
        what: 'at twice that rate: right answers, of a hundred',
        unit: '×',
        samples: [share(double, double.right)],
        bars: [],
        note: `the rest: ${double.refused} times 429 or 503, ${double.failures.length} times something else, ${double.wrong} wrong answers`,
      },
    ];
  },
};

/** Waits until the product answers as it does when nobody asks anything of it. */
async function recovered(client: Client): Promise<void> {
  for (let quick = 0; quick < 10; ) {
    const startedAt = performance.now();
    await client.call('GET', '/api/v1/me').catch(() => null);
    quick = performance.now() - startedAt < RECOVERED_MS ? quick + 1 : 0;
    await sleep(200);
  }
}

const total = ({ right, wrong, refused, failures }: Tally): number => right + wrong + refused + failures.length;
const share = (tally: Tally, count: number): number => (100 * count) / Math.max(1, total(tally));
const isGood = (tally: Tally): boolean => tally.failures.length === 0 && tally.wrong === 0 && share(tally, tally.right) >= 99;

const said = (tally: Tally): string =>
  `${tally.rate.toFixed(0)}/s: ${share(tally, tally.right).toFixed(1)} % right, ${tally.refused} refused, ${tally.wrong} wrong, ` +
  `${tally.failures.length} failed ${[...new Set(tally.failures)].slice(0, 5).join(', ')}`;

/** A function that nobody called for a while has to be started first, here and on AWS: that is measured elsewhere. */
async function warmUp(client: Client, kinds: readonly Kind[]): Promise<void> {
  const end = performance.now() + WARM_UP_SECONDS * 1000;
  const one = async (first: number): Promise<void> => {
    for (let sent = first; performance.now() < end; sent += 1) await kinds[sent % kinds.length]?.send(client).catch(() => null);
  };
  await Promise.all(Array.from({ length: WARM_UP_AT_ONCE }, (_, index) => one(index)));
}

/** Of one person only so many may be not done, and nobody decides these. */
const SUBMITTERS = 12;

async function kindsFor(): Promise<Kind[]> {
  const submitters = await Promise.all(Array.from({ length: SUBMITTERS }, () => somebody('developer')));
  let submitted = 0;
  const nextSubmitter = (client: Client): Client => {
    submitted += 1;
    return submitters[submitted % SUBMITTERS] ?? client;
  };
  const known = await submit({ language: 'python', code: 'print("known")', label: 'load', approval_required: true });
  const sha256 = createHash('sha256').update('x').digest('hex');
  const path = `/api/v1/executions/${known.execution_id}`;
  return [
    {
      share: 40,
      send: (client) => client.call('GET', path),
      isRight: ({ status, body }) => status === 200 && (body as { digest: string }).digest === known.digest,
    },
    {
      share: 15,
      send: (client) => client.call('GET', '/api/v1/executions?limit=5'),
      isRight: ({ status, body }) => status === 200 && (body as { executions: unknown[] }).executions.length > 0,
    },
    {
      share: 15,
      send: (client) => client.call('GET', '/api/v1/me'),
      isRight: ({ status, body }) => status === 200 && (body as { roles: string[] }).roles.includes('developer'),
    },
    {
      share: 27,
      send: (client) => client.call('POST', '/api/v1/files', { name: 'x.txt', size: 1, sha256 }),
      isRight: ({ status, body }) => status === 201 && (body as { file_id: string }).file_id.startsWith('file_'),
    },
    {
      share: 3,
      send: (client) =>
        nextSubmitter(client).call('POST', '/api/v1/execute', {
          language: 'python',
          code: 'print(1)',
          label: 'load',
          approval_required: true,
        }),
      isRight: ({ status, body }) => status === 202 && (body as { phase: string }).phase === 'awaiting_approval',
    },
  ];
}

async function run(client: Client, kinds: readonly Kind[], rate: number, seconds: number): Promise<Tally> {
  const tally: Tally = { rate, latencies: [], right: 0, wrong: 0, refused: 0, failures: [] };
  const order = kinds.flatMap((kind) => Array.from({ length: kind.share }, () => kind));
  const flying = new Set<Promise<void>>();
  const startedAt = performance.now();
  for (let sent = 0; sent < rate * seconds; sent += 1) {
    const due = startedAt + (sent * 1000) / rate;
    const wait = due - performance.now();
    if (wait > 1) await sleep(wait);
    if (flying.size >= MOST_IN_FLIGHT) {
      tally.failures.push('not sent');
      continue;
    }
    // A step that shares no factor with a hundred visits every kind in its share.
    const kind = order[(sent * 37) % order.length];
    if (!kind) continue;
    const request = one(client, kind, tally).finally(() => flying.delete(request));
    flying.add(request);
  }
  await Promise.all(flying);
  return tally;
}

async function one(client: Client, kind: Kind, tally: Tally): Promise<void> {
  const sentAt = performance.now();
  try {
    const answer = await kind.send(client);
    if (kind.isRight(answer)) {
      tally.right += 1;
      tally.latencies.push(performance.now() - sentAt);
    } else if (answer.status === 429 || answer.status === 503) tally.refused += 1;
    else if (answer.status < 300) tally.wrong += 1;
    else tally.failures.push(String(answer.status));
  } catch (error) {
    tally.failures.push(error instanceof Error ? error.message : 'no answer');
  }
}
