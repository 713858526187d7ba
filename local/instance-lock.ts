import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LocalCloudFailure } from './failure.ts';
import { instanceDirectory } from './instance.ts';
import { identify, isRunning, type ProcessIdentity } from './process-identity.ts';

/** Holds the instance for one command that changes it. A lock whose holder is gone is taken over. */
export async function withInstanceLock<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  const file = join(`${instanceDirectory(name)}.lock`);
  acquire(file, name);
  const release = () => rmSync(file, { force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.removeListener('exit', release);
    release();
  }
}

function acquire(file: string, name: string): void {
  mkdirSync(dirname(file), { recursive: true });
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      writeFileSync(file, JSON.stringify(identify(process.pid)), { flag: 'wx' });
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    const holder = readHolder(file);
    if (holder && isRunning(holder)) {
      throw new LocalCloudFailure(
        `Another command (process ${holder.pid}) is working on the instance "${name}". Wait for it, or end it.`,
      );
    }
    rmSync(file, { force: true });
  }
  throw new LocalCloudFailure(`The lock ${file} cannot be taken: another command takes it again and again.`);
}

function readHolder(file: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity;
  } catch {
    return undefined;
  }
}
