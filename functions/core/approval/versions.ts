/** What conditions make of a manifest: the same bytes but for lower limits, under a digest of their own. */
import type { Approval, ApprovalVersion, DecisionRequest, RunVersion } from '../../contracts/approval.ts';
import type { FieldError } from '../../contracts/errors.ts';
import type { Manifest, ResourceLimits } from '../../contracts/manifest.ts';
import { digestOf } from '../execution/submit.ts';
import { formatByteSize, parseByteSize } from '../policy/byte-size.ts';
import { MINIMUM_LIMITS, MINIMUM_TIMEOUT_SECONDS } from '../policy/limits.ts';
import { canonicalJson } from '../text/json.ts';

type Limited = Pick<RunVersion, 'limits' | 'timeout_seconds'>;

/** A run has limits; another operation has none. */
export const isOfRun = (version: ApprovalVersion): version is RunVersion =>
  version.limits !== null && version.timeout_seconds !== null;

const amounts = ({ limits, timeout_seconds }: Limited): [number, number, number, number, number, number] => [
  limits.memory_bytes,
  limits.cpu,
  limits.disk_bytes,
  limits.processes,
  limits.open_files,
  timeout_seconds,
];

/** The version that reached its quorum, and alone may run; null while there is none. */
export const approvedVersion = (request: Approval): ApprovalVersion | null =>
  (request.status === 'approved' && request.versions.find((version) => version.digest === request.approved_digest)) || null;

/** Nothing more, and something less. */
export function isTighter(version: Limited, than: Limited): boolean {
  const most = amounts(than);
  const differences = amounts(version).map((amount, index) => amount - (most[index] ?? 0));
  return differences.every((difference) => difference <= 0) && differences.some((difference) => difference < 0);
}

/** A run under `version` is the run of `first` with nothing but tighter limits. */
export function isTighterManifest(version: Manifest, first: Manifest): boolean {
  const same = { ...version, limits: first.limits, timeout_seconds: first.timeout_seconds };
  return canonicalJson(same) === canonicalJson(first) && isTighter(version, first);
}

export type Tightened =
  | { readonly manifestBytes: Uint8Array; readonly version: RunVersion }
  | { readonly errors: readonly FieldError[] };

/** The version that an approver's conditions make of the one shown to them. */
export function tighten(
  shown: ApprovalVersion,
  manifest: Manifest,
  conditions: NonNullable<DecisionRequest['conditions']>,
  by: { readonly user_id: string; readonly email: string },
  next: { readonly version: number; readonly now: Date },
): Tightened {
  const errors: FieldError[] = [];
  const asked = conditions.resource_limits ?? {};
  const within = (
    field: string,
    written: number | string | undefined,
    value: number | null,
    least: number,
    most: number,
    format: (amount: number) => string,
  ) => {
    if (written === undefined) return most;
    if (value !== null && value >= least && value <= most) return value;
    const expected = `from ${format(least)} to ${format(most)}: conditions only lower`;
    errors.push({ field: `body.conditions.${field}`, expected, received: String(written) });
    return most;
  };
  const size = (key: 'memory' | 'disk', least: number, most: number) =>
    within(`resource_limits.${key}`, asked[key], parseByteSize(asked[key]), least, most, formatByteSize);
  const number = (key: 'cpu' | 'processes' | 'open_files', least: number, most: number) =>
    within(`resource_limits.${key}`, asked[key], Number(asked[key]), least, most, String);
  const { limits: most } = manifest;
  const inputBytes = manifest.files.reduce((sum, file) => sum + file.size_bytes, 0);
  const limits: ResourceLimits = {
    memory_bytes: size('memory', MINIMUM_LIMITS.memory_bytes, most.memory_bytes),
    cpu: number('cpu', MINIMUM_LIMITS.cpu, most.cpu),
    // The input files have to fit.
    disk_bytes: size('disk', Math.max(MINIMUM_LIMITS.disk_bytes, inputBytes), most.disk_bytes),
    processes: number('processes', MINIMUM_LIMITS.processes, most.processes),
    open_files: number('open_files', MINIMUM_LIMITS.open_files, most.open_files),
  };
  const timeout_seconds = within(
    'timeout_seconds',
    conditions.timeout_seconds,
    conditions.timeout_seconds ?? null,
    MINIMUM_TIMEOUT_SECONDS,
    manifest.timeout_seconds,
    (seconds) => `${seconds} s`,
  );
  const after: Manifest = { ...manifest, limits, timeout_seconds };
  if (errors.length === 0 && !isTighter(after, manifest)) {
    const expected = 'at least one limit lower than what is shown';
    errors.push({ field: 'body.conditions', expected, received: 'the same limits' });
  }
  if (errors.length > 0) return { errors };
  const manifestBytes = Buffer.from(canonicalJson(after), 'utf8');
  const digest = digestOf(manifestBytes);
  return {
    manifestBytes,
    version: {
      version: next.version,
      digest,
      // By its content: two approvers who set the same conditions at the same moment write the same object.
      manifest_key: shown.manifest_key.replace(/(?:\/[0-9a-f]{64})?\.json$/, `/${digest}.json`),
      limits,
      timeout_seconds,
      made_by: by,
      made_at: next.now.toISOString(),
    },
  };
}

/** The digests somebody can decide on, in the order of their versions. */
export const decidable = ({ settled_digest: settled, versions }: Pick<Approval, 'settled_digest' | 'versions'>): string[] =>
  settled === null ? versions.map((version) => version.digest) : [settled];
