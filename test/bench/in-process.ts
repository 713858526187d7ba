/** What the API does in its own process: no table, no network. */
import { randomUUID } from 'node:crypto';
import { GetCommand } from '@aws-sdk/lib-dynamodb';
import { CognitoJwtVerifier } from 'aws-jwt-verify';
import { valkeyRateCounters } from '../../functions/adapters/valkey/rate-counters.ts';
import { prepareSubmission } from '../../functions/core/execution/submit.ts';
import { authorize } from '../../functions/core/identity/authorize.ts';
import { bucketsOfArrival, bucketsOfCaller } from '../../functions/core/limits/buckets.ts';
import { configurationOf } from '../../functions/core/policy/configuration.ts';
import { review } from '../../functions/core/policy/review.ts';
import { as, status } from '../support/airlock.ts';
import { configuration } from '../support/configuration.ts';
import { actorOf } from '../support/entities.ts';
import { output, tables } from '../support/faults.ts';
import { type Measurement, repeat } from './measurement.ts';

const WARM_UP = 50;
const LINES = 200;

const developer = actorOf(['developer']);

/** Every tenth line needs a look: white space in odd places, a pattern that is nearly there, one that is. */
const script = Array.from({ length: LINES }, (_, line) =>
  line % 10 === 0
    ? `rows_${line} = [literal_eval(row) for row in table.rows  if row.total >  ${line}]  # "drop the table", rm -r`
    : `total_${line} = sum(row["amount"] * rates.get(row["currency"], 1.0) for row in rows[${line}:])`,
).join('\n');

export const policyAndReview: Measurement = {
  name: 'policy',
  rounds: { usual: 300, full: 3000 },
  async measure(rounds) {
    const submitOnce = async () => {
      const { outcome } = prepareSubmission(
        { language: 'python', code: script },
        { uploads: new Map(), actor: developer, configuration, imageId: 'image', executionId: 'exec_bench', now: new Date() },
      );
      if (outcome !== 'accepted') throw new Error(`the script was ${outcome}`);
    };
    const limits = configuration.environments.python?.limits;
    if (!limits) throw new Error('the configuration has no environment python');
    const facts = {
      stdin: null,
      files: [],
      environment: 'python',
      limits,
      timeout_seconds: 30,
      profile: { name: 'restricted', content: {} },
    };
    const reviewOnce = async () => {
      if (review(configuration, { ...facts, language: 'python', code: script }).findings.length === 0)
        throw new Error('nothing found');
    };
    return [
      {
        what: `policy, review and manifest of a ${LINES}-line script, in process`,
        unit: 'ms',
        samples: await timesOf(rounds, submitOnce),
        bars: [{ quantile: 'p95', atMost: 50 }],
      },
      { what: '  of it: the review', unit: 'ms', samples: await timesOf(rounds, reviewOnce), bars: [] },
    ];
  },
};

/** With an access token of the running instance and the verification keys its functions read. */
export const tokenAndPermission: Measurement = {
  name: 'token',
  rounds: { usual: 1000, full: 10_000 },
  async measure(rounds) {
    const { token } = await as('developer');
    const { Item } = await tables.send(new GetCommand({ TableName: output('IdentityTableName'), Key: { identity_id: 'jwks' } }));
    const verifier = CognitoJwtVerifier.create({
      userPoolId: output('UserPoolId'),
      clientId: output('UserPoolClientId'),
      tokenUse: 'access',
    });
    verifier.cacheJwks(JSON.parse(String(Item?.jwks)));
    const permission = async () => {
      if (!authorize(developer, 'execute_code')) throw new Error('a developer may not execute code');
    };
    return [
      {
        what: 'token check, in process',
        unit: 'ms',
        samples: await timesOf(rounds, () => verifier.verify(token)),
        bars: [{ quantile: 'p99', atMost: 5 }],
      },
      {
        what: 'permission, in process',
        unit: 'ms',
        samples: await timesOf(rounds, permission),
        bars: [{ quantile: 'p99', atMost: 1 }],
      },
    ];
  },
};

/** Both questions of a request to submit, as a function asks them of the instance's Valkey. */
export const rateLimits: Measurement = {
  name: 'limits',
  rounds: { usual: 1000, full: 10_000 },
  async measure(rounds) {
    const limits = configurationOf(configuration, 'local').security.rate_limiting;
    const counters = valkeyRateCounters(status.valkey_url);
    const arrival = bucketsOfArrival(limits, { address: '192.0.2.1', signIn: null });
    const caller = bucketsOfCaller(limits, {
      user_id: `bench-${randomUUID()}`,
      key_id: null,
      path: '/api/v1/security/rate-limits',
      isExecution: true,
    });
    const samples = await timesOf(rounds, async () => {
      await counters.take([...arrival, ...caller]);
    });
    counters.close();
    return [
      { what: 'rate limits of one request, one script in Valkey', unit: 'ms', samples, bars: [{ quantile: 'p99', atMost: 2 }] },
    ];
  },
};

async function timesOf(rounds: number, work: () => Promise<unknown>): Promise<number[]> {
  await repeat(WARM_UP, work);
  return repeat(rounds, async () => {
    const startedAt = performance.now();
    await work();
    return performance.now() - startedAt;
  });
}
