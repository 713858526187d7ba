import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Manifest } from '../../functions/contracts/manifest.ts';
import { type ExitReason, USAGE_INTERVAL_MS, type UsageSample } from '../../functions/contracts/sandbox-protocol.ts';
import { type Artifact, type Collection, collectArtifacts } from './artifacts.ts';
import { holdCpuShare } from './cpu-share.ts';
import { createEventLog, type EventLog } from './event-log.ts';
import type { Guest } from './guest.ts';
import { type Ending, type Interpreter, startInterpreter } from './interpreter.ts';
import type { Everyone } from './kill.ts';
import { exceededLimit, exceedsOutput, peakOf } from './limits.ts';
import { createOutputStream, type OutputStream } from './output.ts';
import type { Prestarted } from './prestart.ts';
import type { Staging } from './staging.ts';
import { createUsageMeter, type UsageMeter } from './usage.ts';
import { fillWorkspace, OUTPUT_DIRECTORY } from './workspace.ts';

export interface Run {
  readonly events: EventLog;
  /** Resolves once no process of the run is left; false if it had already ended by itself. */
  readonly cancel: (reason: string) => Promise<boolean>;
  readonly findArtifact: (fileId: string) => Artifact | undefined;
  /** Settles after the `exit` event. */
  readonly finished: Promise<void>;
}

export interface RunOptions {
  readonly manifest: Manifest;
  readonly imageId: string;
  readonly guest: Guest;
  readonly privateDirectory: string;
  readonly staging: Staging;
  readonly prestarted: Promise<Prestarted>;
  readonly everyone: Everyone;
}

/** Why the supervisor ends a run; the first reason stands. */
interface Stop {
  readonly reason: ExitReason;
  readonly detail: string | undefined;
}

const NOTHING_USED: UsageSample = { cpu_ms: 0, memory_bytes: 0, disk_bytes: 0, processes: 0 };
const EARLY_SAMPLE_MILLISECONDS = 10;
/** By then most programs have said something. */
const END_OTHERS_MILLISECONDS = 25;
const OUTPUT_END_MILLISECONDS = 10_000;

/** Runs the one job of this sandbox, from its files to its `exit` event. */
export function startRun(options: RunOptions): Run {
  const { manifest, guest, everyone } = options;
  const events = createEventLog(() => new Date());
  let stop: Stop | undefined;
  let mainHasEnded = false;
  let artifacts: readonly Artifact[] = [];

  function end(reason: ExitReason, detail?: string): void {
    if (stop || mainHasEnded) return;
    stop = { reason, detail };
    void everyone.killAll();
  }

  const stdout = createOutputStream((text) => events.append({ type: 'stdout', text }));
  const stderr = createOutputStream((text) => events.append({ type: 'stderr', text }));

  function connect(source: Socket, stream: OutputStream): Promise<unknown> {
    const closed = new Promise((resolve) => source.once('close', resolve));
    source.on('error', () => {});
    source.on('data', (chunk: Buffer) => {
      stream.write(chunk);
      if (exceedsOutput(stdout.totals().bytes, stderr.totals().bytes)) end('output_limit');
    });
    return closed;
  }

  /** What was stopped while it was being started is never told of its job. */
  function assertNotStopped(): void {
    if (stop) throw new Error('The run was stopped before it began.');
  }

  async function launch(): Promise<Launched> {
    const taken = (await options.prestarted).takeFor(manifest);
    if (!taken.interpreter) taken.endOthers();
    assertNotStopped();
    fillWorkspace(manifest, options.staging, guest);
    const { language, entrypoint, limits } = manifest;
    const cold = () => startInterpreter({ ...options, language, entrypoint, limits, warm: false });
    const interpreter = taken.interpreter ?? (await cold());
    assertNotStopped();
    const meter = createUsageMeter();
    const outputEnded = Promise.all([connect(interpreter.stdout, stdout), connect(interpreter.stderr, stderr)]);
    interpreter.release({ entrypoint, args: manifest.args, variables: manifest.env }, manifest.stdin);
    events.append({ type: 'started', language, prestarted: taken.interpreter !== undefined, image_id: options.imageId });
    setTimeout(taken.endOthers, END_OTHERS_MILLISECONDS);
    return { interpreter, meter, outputEnded, othersGone: taken.othersGone };
  }

  async function execute(): Promise<void> {
    const launched = await launch().catch((error: unknown) => {
      end('launch_failed', error instanceof Error ? error.message : String(error));
    });
    if (!launched) return finish({ exitCode: null, signal: null }, 0, NOTHING_USED);
    const { interpreter, meter, outputEnded } = launched;
    const startedAt = performance.now();
    const watch = startWatch(launched, manifest, everyone, end, (usage) => events.append({ type: 'usage', ...usage }));
    const ending = await interpreter.ended;
    mainHasEnded = true;
    const durationMilliseconds = performance.now() - startedAt;
    watch.end();
    await everyone.killAll();
    // Nobody can write any more; what is still in the pipes belongs to the result.
    await Promise.race([outputEnded, sleep(OUTPUT_END_MILLISECONDS)]);
    const diskBytes = meter.finalDiskBytes();
    // It may have ended between two looks, of the very limit or just past it.
    if (diskBytes > manifest.limits.disk_bytes) stop ??= { reason: 'disk_limit', detail: undefined };
    else if (ending.exitCode !== 0 && meter.ranOutOfMemory()) stop ??= { reason: 'memory_limit', detail: undefined };
    const peak = peakOf(watch.peak(), { ...NOTHING_USED, disk_bytes: diskBytes });
    return finish(ending, durationMilliseconds, { ...peak, cpu_ms: meter.cpuMilliseconds() });
  }

  async function finish(ending: Ending, durationMilliseconds: number, usage: UsageSample): Promise<void> {
    mainHasEnded = true;
    await everyone.killAll();
    stdout.end();
    stderr.end();
    const collection = await collect(guest, manifest.limits.disk_bytes);
    artifacts = collection.artifacts;
    for (const { fileId, name, sizeBytes, sha256 } of artifacts) {
      events.append({ type: 'file', file_id: fileId, name, size_bytes: sizeBytes, sha256 });
    }
    events.append({
      type: 'exit',
      reason: stop?.reason ?? 'exited',
      exit_code: ending.exitCode,
      signal: ending.signal,
      duration_ms: durationMilliseconds,
      usage,
      stdout: stdout.totals(),
      stderr: stderr.totals(),
      files_skipped: [...collection.skipped],
      ...(stop?.detail !== undefined && { detail: stop.detail }),
    });
  }

  async function cancel(reason: string): Promise<boolean> {
    const wasRunning = !mainHasEnded && !stop;
    end('cancelled', reason);
    await everyone.killAll();
    return wasRunning;
  }

  return {
    events,
    cancel,
    findArtifact: (fileId) => artifacts.find((artifact) => artifact.fileId === fileId),
    finished: execute(),
  };
}

interface Launched {
  readonly interpreter: Interpreter;
  readonly meter: UsageMeter;
  readonly outputEnded: Promise<unknown>;
  readonly othersGone: Promise<unknown>;
}

/** Samples what the guest uses and ends the run when a limit is passed or its time is over. */
function startWatch(
  launched: Launched,
  manifest: Manifest,
  everyone: Everyone,
  end: (reason: ExitReason, detail?: string) => void,
  report: (usage: UsageSample) => void,
): { readonly end: () => void; readonly peak: () => UsageSample } {
  const { meter } = launched;
  const { limits, timeout_seconds: timeoutSeconds } = manifest;
  let peak = NOTHING_USED;
  let onlyTheGuestIsLeft = false;
  void launched.othersGone.then(() => {
    onlyTheGuestIsLeft = true;
  });

  function sample(): void {
    const measured = meter.measure();
    report(measured.usage);
    peak = peakOf(peak, measured.usage);
    if (!onlyTheGuestIsLeft) return;
    const exceeded = exceededLimit(measured, limits);
    if (exceeded) end(exceeded);
  }

  // A program may be over before the first interval is; but its first output goes first.
  const earlySample = setTimeout(sample, EARLY_SAMPLE_MILLISECONDS);
  const sampling = setInterval(sample, USAGE_INTERVAL_MS);
  const timer = setTimeout(() => end('time_limit'), timeoutSeconds * 1000);
  const endShare = holdCpuShare({ share: limits.cpu, everyone, cpuMilliseconds: meter.cpuMilliseconds });

  return {
    peak: () => peak,
    end: () => {
      clearTimeout(earlySample);
      clearInterval(sampling);
      clearTimeout(timer);
      endShare();
    },
  };
}

/** A guest's strange tree must not cost it its result. */
async function collect(guest: Guest, maxBytes: number): Promise<Collection> {
  try {
    return await collectArtifacts(OUTPUT_DIRECTORY, guest, maxBytes);
  } catch (error) {
    return {
      artifacts: [],
      skipped: [{ name: '.', reason: `could not be read: ${error instanceof Error ? error.message : error}` }],
    };
  }
}
