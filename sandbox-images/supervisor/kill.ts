import { setTimeout as sleep } from 'node:timers/promises';
import { assertInsideSandbox, gatherSandboxEvidence, type SandboxEvidence } from './guard.ts';
import { listProcesses } from './processes.ts';

const EVERY_PROCESS = -1;

export interface Everyone {
  /** Sends a signal to every process but this one and process 1. */
  readonly signal: (signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT') => void;
  /** Kills every process and returns when none is left. Nothing the guest does outruns it: one call by root reaches all at once. */
  readonly killAll: () => Promise<void>;
}

interface Dependencies {
  readonly evidence?: () => SandboxEvidence;
  readonly kill?: (processId: number, signal: NodeJS.Signals) => void;
  readonly countLiving?: () => number;
}

/** The only place that signals everyone. The evidence is looked at again each time. */
export function createEveryone(dependencies: Dependencies = {}): Everyone {
  const {
    evidence = gatherSandboxEvidence,
    kill = (processId, signal) => process.kill(processId, signal),
    countLiving = () => listProcesses().filter(({ state }) => state !== 'Z' && state !== 'X').length,
  } = dependencies;

  function signal(name: NodeJS.Signals): void {
    assertInsideSandbox(evidence());
    try {
      kill(EVERY_PROCESS, name);
    } catch (error) {
      if (!isNoSuchProcess(error)) throw error;
    }
  }

  async function killAll(): Promise<void> {
    do {
      signal('SIGKILL');
      await sleep(1);
    } while (countLiving() > 0);
  }

  return { signal, killAll };
}

const isNoSuchProcess = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ESRCH';
