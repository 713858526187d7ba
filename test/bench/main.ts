/**
 * Measures the numbers of design section 10 on the running instance, prints a table and writes JSON. A report, never a test: what does
 * not hold, or could not be measured, is said, and the rest goes on. `npm run bench [-- <name>…] [-- --full]`.
 */
import { parseArgs } from 'node:util';
import { as } from '../support/airlock.ts';
import { trust } from '../support/trust.ts';
import { approvalPage } from './approval-page.ts';
import { burst } from './burst.ts';
import { cancel } from './cancel.ts';
import { coldTask } from './cold-task.ts';
import { concurrent } from './concurrent.ts';
import { cpuBound } from './cpu-bound.ts';
import { decision } from './decision.ts';
import { escalation } from './escalation.ts';
import { identity } from './identity.ts';
import { idleSandbox } from './idle-sandbox.ts';
import { policyAndReview, rateLimits, tokenAndPermission } from './in-process.ts';
import { inTheSupervisor } from './in-the-supervisor.ts';
import { languages } from './languages.ts';
import { load } from './load.ts';
import { machine, watchCpu } from './machine.ts';
import { pendingRequests, quorum } from './many-requests.ts';
import type { Measurement } from './measurement.ts';
import { printReport, type Report, writeReport } from './report.ts';
import { throughTheStack } from './through-the-stack.ts';
import { told } from './told.ts';
import { usageSamples } from './usage-samples.ts';

const MEASUREMENTS: readonly Measurement[] = [
  inTheSupervisor,
  throughTheStack,
  cpuBound,
  cancel,
  decision,
  escalation,
  told,
  approvalPage,
  pendingRequests,
  quorum,
  usageSamples,
  policyAndReview,
  tokenAndPermission,
  rateLimits,
  identity,
  coldTask,
  concurrent,
  languages,
  burst,
  idleSandbox,
  load,
];

/** Names of several at once. */
const GROUPS: Readonly<Record<string, readonly Measurement[]>> = {
  sandbox: [inTheSupervisor, throughTheStack, languages, cpuBound, cancel, usageSamples, coldTask, burst, idleSandbox],
  approval: [decision, escalation, told, approvalPage, pendingRequests, quorum],
  access: [tokenAndPermission, rateLimits, identity, load],
};

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { full: { type: 'boolean', default: false } },
});
const names = positionals.flatMap((name) => GROUPS[name]?.map((measurement) => measurement.name) ?? [name]);
const unknown = names.filter((name) => !MEASUREMENTS.some((measurement) => measurement.name === name));
if (unknown.length > 0) {
  console.error(
    `There is no measurement ${unknown.join(', ')}. There are: ${[...MEASUREMENTS.map(({ name }) => name), ...Object.keys(GROUPS)].join(', ')}.`,
  );
  process.exit(2);
}
const report = await trusted(() => measureAll(MEASUREMENTS.filter(({ name }) => names.length === 0 || names.includes(name))));
printReport(report);
console.log(`\nEvery sample: ${writeReport(report)}`);
process.exit(0);

/** The developer is a trusted agent for as long as `work` takes, also when it is interrupted. */
async function trusted<T>(work: () => Promise<T>): Promise<T> {
  const restore = await trust(await as('developer'));
  const stop = () => void restore().finally(() => process.exit(130));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    return await work();
  } finally {
    await restore();
  }
}

async function measureAll(measurements: readonly Measurement[]): Promise<Report> {
  const startedAt = new Date();
  const idle = machine();
  const cpu = watchCpu();
  const rows: Report['rows'][number][] = [];
  const failures: Report['failures'][number][] = [];
  for (const { name, rounds, measure } of measurements) {
    const times = options.full ? rounds.full : rounds.usual;
    process.stderr.write(`measuring ${name} (${times} rounds) …`);
    const before = performance.now();
    try {
      rows.push(...(await measure(times)).map((row) => ({ measurement: name, ...row })));
      process.stderr.write(` ${((performance.now() - before) / 1000).toFixed(1)} s\n`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      failures.push({ measurement: name, reason });
      process.stderr.write(` failed: ${reason}\n`);
    }
  }
  return {
    started_at: startedAt.toISOString(),
    seconds: (Date.now() - startedAt.getTime()) / 1000,
    full: options.full,
    machine: idle,
    cpu: cpu(),
    rows,
    failures,
  };
}
