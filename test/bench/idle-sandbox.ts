import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { command, prepareSandboxes, removeSandboxes, startSandbox } from '../sandbox/support.ts';
import { type Measurement, repeat } from './measurement.ts';

const MEBIBYTE = 1024;

/** Memory of everything in an idle sandbox: supervisor and prestarted interpreters; pages they share count once (PSS). */
export const idleSandbox: Measurement = {
  name: 'memory',
  rounds: { usual: 3, full: 10 },
  async measure(rounds) {
    await prepareSandboxes();
    return [{ what: 'memory of an idle sandbox', unit: 'MB', samples: await repeat(rounds, once), bars: [] }];
  },
};

async function once(): Promise<number> {
  const sandbox = await startSandbox();
  try {
    const pid = await command('inspect', '--format', '{{.State.Pid}}', sandbox.container);
    const namespace = readlinkSync(`/proc/${pid}/ns/pid`);
    return pidsIn(namespace).reduce((sum, one) => sum + kilobytesOf(one), 0) / MEBIBYTE;
  } finally {
    await removeSandboxes();
  }
}

const pidsIn = (namespace: string): string[] =>
  readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((entry) => {
      try {
        return readlinkSync(`/proc/${entry}/ns/pid`) === namespace;
      } catch {
        return false;
      }
    });

const kilobytesOf = (pid: string): number =>
  Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
