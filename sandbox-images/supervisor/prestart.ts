import {
  type Language,
  language as languageSchema,
  type Manifest,
  type ResourceLimits,
} from '../../functions/contracts/manifest.ts';
import type { Guest } from './guest.ts';
import { type Interpreter, startInterpreter } from './interpreter.ts';
import { fitsPrestarted, RUNTIMES } from './languages.ts';

/** One waiting interpreter per language, of which the job takes at most one. */
export interface Prestarted {
  readonly languages: () => Language[];
  /** Hands over the one that fits the job; none of the others will ever be given one. */
  readonly takeFor: (manifest: Manifest) => Taken;
}

export interface Taken {
  readonly interpreter: Interpreter | undefined;
  /**
   * Kills the others. They wait for a job that does not come, and taking their memory apart is work for a processor that the program
   * has better use for until its first output: a job that begins does not begin with this.
   */
  readonly endOthers: () => void;
  /** Until this they still take memory. */
  readonly othersGone: Promise<unknown>;
}

export interface PrestartOptions {
  readonly limits: ResourceLimits;
  readonly guest: Guest;
  readonly privateDirectory: string;
  readonly log: (message: string) => void;
}

/** A language whose interpreter does not start is served cold; what is wrong shows then. */
export async function prestartInterpreters(options: PrestartOptions): Promise<Prestarted> {
  const waiting = new Map<Language, Interpreter>();
  // One after the other: on a small sandbox they would only slow each other down.
  for (const language of languageSchema.options) {
    const entrypoint = RUNTIMES[language].standardEntrypoint;
    try {
      waiting.set(language, await startInterpreter({ ...options, language, entrypoint, warm: true }));
    } catch (error) {
      options.log(`No prestarted ${language}: ${error}`);
    }
  }

  function takeFor(manifest: Manifest): Taken {
    const own = waiting.get(manifest.language);
    const interpreter = own && !own.hasEnded() && fitsPrestarted(manifest, own.limits) ? own : undefined;
    const others = [...waiting.values()].filter((other) => other !== interpreter);
    function endOthers(): void {
      for (const other of others) {
        if (!other.hasEnded()) process.kill(other.processId, 'SIGKILL');
      }
    }
    waiting.clear();
    return { interpreter, endOthers, othersGone: Promise.all(others.map(({ ended }) => ended)) };
  }

  return { languages: () => [...waiting.keys()], takeFor };
}
