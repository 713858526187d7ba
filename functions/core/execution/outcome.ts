/** From the events of a run to what is recorded of it. */
import type { ExecutionErrorCode } from '../../contracts/errors.ts';
import { type Artifact, type ExecutionOutcome, OUTPUT_INLINE_BYTES } from '../../contracts/execution.ts';
import type { Language } from '../../contracts/manifest.ts';
import type { ExitReason, RunEvent, RunEventOf } from '../../contracts/sandbox-protocol.ts';

type Failure = { code: ExecutionErrorCode; message: string };

/** What is known of the run so far; `failure` is what ended it when it did not end by an `exit` event. */
export function outcomeOf(events: readonly RunEvent[], language: Language, failure: Failure | null): ExecutionOutcome {
  const exit = events.find((event) => event.type === 'exit');
  const started = events.find((event) => event.type === 'started');
  const usage = exit?.usage ?? peakUsage(events);
  return {
    error: failure ?? (exit ? errorOf(exit, language) : { code: 'internal_error', message: 'The run left no result.' }),
    exit_code: exit?.exit_code ?? null,
    signal: exit?.signal ?? null,
    output: headOf(events, 'stdout'),
    error_output: headOf(events, 'stderr'),
    stdout: exit?.stdout ?? seenOf(events, 'stdout'),
    stderr: exit?.stderr ?? seenOf(events, 'stderr'),
    resource_usage: { ...usage, cpu_ms: Math.round(usage.cpu_ms) },
    duration_seconds: exit ? Math.round(exit.duration_ms) / 1000 : secondsBetween(started, events.at(-1)),
    ...filesOf(events, failure !== null),
    prestarted: started?.prestarted ?? null,
  };
}

/** Where the run's end is not its own, what it left was not carried out of its sandbox, and cannot be fetched. */
function filesOf(events: readonly RunEvent[], isUncollected: boolean): Pick<ExecutionOutcome, 'files' | 'files_skipped'> {
  const files = events.filter((event) => event.type === 'file').map(artifactOf);
  const skipped = events.flatMap((event) => (event.type === 'exit' ? event.files_skipped : []));
  if (!isUncollected) return listed(files, skipped);
  return listed([], [...files.map(({ name }) => ({ name, reason: 'not collected' })), ...skipped]);
}

/** A row holds 400 KB, and names are the program's to choose. */
const LISTED_BYTES = 120 * 1024;

function listed(
  files: readonly Artifact[],
  skipped: ExecutionOutcome['files_skipped'],
): Pick<ExecutionOutcome, 'files' | 'files_skipped'> {
  const kept = firstOf(files);
  const keptSkipped = firstOf(skipped);
  const more = [
    { count: files.length - kept.length, reason: 'collected, and not listed: the names are too long together' },
    { count: skipped.length - keptSkipped.length, reason: 'not listed' },
  ].flatMap(({ count, reason }) => (count > 0 ? [{ name: `${count} more`, reason }] : []));
  return { files: kept, files_skipped: [...keptSkipped, ...more] };
}

function firstOf<T>(items: readonly T[]): T[] {
  let bytes = 0;
  const end = items.findIndex((item) => {
    bytes += Buffer.byteLength(JSON.stringify(item));
    return bytes > LISTED_BYTES;
  });
  return end < 0 ? [...items] : items.slice(0, end);
}

/** An execution that ended before any program ran. */
export function outcomeWithoutRun(failure: Failure): ExecutionOutcome {
  return outcomeOf([], 'bash', failure);
}

const LIMIT_MESSAGES: Partial<Record<ExitReason, string>> = {
  time_limit: 'The program ran longer than its timeout and was ended.',
  memory_limit: 'The program used more memory than its limit and was ended.',
  output_limit: 'The program wrote more output than is drained and was ended.',
  disk_limit: 'The program used more disk than its limit and was ended.',
  process_limit: 'The program started more processes than its limit and was ended.',
};

function errorOf(exit: RunEventOf<'exit'>, language: Language): Failure | null {
  if (exit.reason === 'cancelled')
    return { code: 'cancelled', message: exit.detail ? `Cancelled: ${exit.detail}` : 'The run was cancelled.' };
  if (exit.reason === 'launch_failed')
    return { code: 'launch_failed', message: exit.detail ?? 'The program could not be started.' };
  if (exit.reason !== 'exited') return { code: exit.reason, message: exit.detail ?? LIMIT_MESSAGES[exit.reason] ?? exit.reason };
  if (exit.exit_code === 0) return null;
  const how = exit.exit_code === null ? `was ended by ${exit.signal ?? 'a signal'}` : `exited with code ${exit.exit_code}`;
  return { code: 'program_failed', message: `The ${language} program ${how}.` };
}

/** The first OUTPUT_INLINE_BYTES of a stream, never ending inside a character. */
function headOf(events: readonly RunEvent[], type: 'stdout' | 'stderr'): string {
  let text = '';
  let bytes = 0;
  for (const event of events) {
    if (event.type !== type) continue;
    const size = Buffer.byteLength(event.text);
    if (bytes + size > OUTPUT_INLINE_BYTES) {
      const cut = Buffer.from(event.text).subarray(0, OUTPUT_INLINE_BYTES - bytes);
      return text + new TextDecoder('utf-8').decode(cut, { stream: true });
    }
    text += event.text;
    bytes += size;
  }
  return text;
}

function seenOf(events: readonly RunEvent[], type: 'stdout' | 'stderr') {
  const bytes = events.reduce((sum, event) => (event.type === type ? sum + Buffer.byteLength(event.text) : sum), 0);
  return { bytes, truncated: false };
}

function peakUsage(events: readonly RunEvent[]) {
  const peak = { cpu_ms: 0, memory_bytes: 0, disk_bytes: 0, processes: 0 };
  for (const event of events) {
    if (event.type !== 'usage') continue;
    peak.cpu_ms = Math.max(peak.cpu_ms, event.cpu_ms);
    peak.memory_bytes = Math.max(peak.memory_bytes, event.memory_bytes);
    peak.disk_bytes = Math.max(peak.disk_bytes, event.disk_bytes);
    peak.processes = Math.max(peak.processes, event.processes);
  }
  return peak;
}

const secondsBetween = (first: RunEvent | undefined, last: RunEvent | undefined): number =>
  first && last ? Math.max(0, (Date.parse(last.at) - Date.parse(first.at)) / 1000) : 0;

/** Chosen by the name's ending from a short list; served as a download whatever it says. */
const CONTENT_TYPES: Record<string, string> = {
  csv: 'text/csv',
  json: 'application/json',
  txt: 'text/plain',
  md: 'text/markdown',
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  pdf: 'application/pdf',
  gz: 'application/gzip',
  zip: 'application/zip',
};

function artifactOf(event: RunEventOf<'file'>): Artifact {
  const ending = event.name.split('.').at(-1)?.toLowerCase() ?? '';
  return {
    file_id: event.file_id,
    name: event.name,
    size_bytes: event.size_bytes,
    sha256: event.sha256,
    content_type: CONTENT_TYPES[ending] ?? 'application/octet-stream',
  };
}
