/**
 * From a request to one manifest and one row. Pure: what the rules say of this request now, and the exact bytes that approver, gate
 * and sandbox will hash.
 */
import type { Finding } from '../../contracts/approval.ts';
import type { FieldError } from '../../contracts/errors.ts';
import type { ExecuteRequest, ExecutionIn } from '../../contracts/execution.ts';
import { INPUT_FILES_MAX_BYTES, type Upload } from '../../contracts/file.ts';
import { approvalIdOf } from '../../contracts/ids.ts';
import { DIGEST_PREFIX, type Language, MANIFEST_MAX_BYTES, type Manifest, workspacePath } from '../../contracts/manifest.ts';
import type { RiskLevel } from '../../contracts/risk.ts';
import { factsOfRun, ruleFor } from '../approval/rule.ts';
import { EMPTY_CHAIN } from '../audit/chain.ts';
import type { Actor } from '../identity/actor.ts';
import { authorize } from '../identity/authorize.ts';
import { isApprovalRequired, mayUseProfile } from '../policy/approval-requirement.ts';
import type { Configuration } from '../policy/configuration.ts';
import { mostConcurrent, resolveLimits } from '../policy/limits.ts';
import { isBlocked, review } from '../policy/review.ts';
import { canonicalJson, sha256 } from '../text/json.ts';

export interface InputFile {
  readonly path: string;
  readonly sha256: string;
  readonly size_bytes: number;
  /** Where its bytes are until they lie under their hash. */
  readonly source: { readonly bytes: Uint8Array } | { readonly upload: Upload };
}

export interface Submission {
  readonly execution: ExecutionIn<'awaiting_approval'> | ExecutionIn<'queued'>;
  readonly manifestBytes: Uint8Array;
  readonly files: readonly InputFile[];
}

export type SubmissionOutcome =
  | { readonly outcome: 'accepted'; readonly submission: Submission }
  | { readonly outcome: 'invalid'; readonly errors: readonly FieldError[] }
  | { readonly outcome: 'forbidden'; readonly detail: string }
  /** The owner's threshold refuses such code outright: no human can let it run. */
  | { readonly outcome: 'blocked'; readonly level: RiskLevel; readonly findings: readonly Finding[] };

const ENTRYPOINTS: Record<Language, { standard: string; endings: readonly string[] }> = {
  python: { standard: 'main.py', endings: ['.py'] },
  nodejs: { standard: 'main.mjs', endings: ['.mjs', '.cjs', '.js', '.ts', '.mts', '.cts'] },
  bash: { standard: 'main.sh', endings: ['.sh'] },
  sql: { standard: 'main.sql', endings: ['.sql'] },
};

export const blobKey = (hash: string): string => `blobs/${hash}`;
export const manifestKey = (executionId: string): string => `manifests/${executionId}.json`;
export const digestOf = (manifestBytes: Uint8Array): string => sha256(Buffer.concat([Buffer.from(DIGEST_PREFIX), manifestBytes]));

export function prepareSubmission(
  request: ExecuteRequest,
  context: {
    actor: Actor;
    configuration: Configuration;
    imageId: string;
    executionId: string;
    now: Date;
    /** By id, those that the request names and that exist. */
    uploads: ReadonlyMap<string, Upload>;
  },
): SubmissionOutcome {
  const { actor, configuration, executionId, now } = context;
  const errors: FieldError[] = [];

  const environment = request.environment ?? request.language;
  const offered = Object.hasOwn(configuration.environments, environment) ? configuration.environments[environment] : undefined;
  if (!offered || offered.language !== request.language) {
    const names = Object.keys(configuration.environments).filter(
      (name) => configuration.environments[name]?.language === request.language,
    );
    errors.push({
      field: 'body.environment',
      expected: `one of ${names.join(', ')} for ${request.language}`,
      received: environment,
    });
  }

  const profile = request.security_profile ?? configuration.languages[request.language].security_profile;
  if (!mayUseProfile(configuration, profile, { roles: actor.roles, trustedAgent: actor.trusted_agent })) {
    return { outcome: 'forbidden', detail: `Your identity may not use the security profile ${profile}.` };
  }

  const team = request.team ?? actor.teams[0] ?? null;
  if (team !== null && !actor.teams.includes(team)) {
    errors.push({
      field: 'body.team',
      expected: `one of your teams: ${actor.teams.join(', ') || 'you have none'}`,
      received: team,
    });
  }
  const resource = { owner_id: actor.user_id, team, environment, label: request.label ?? null };
  if (!authorize(actor, 'execute_code', resource)) {
    return { outcome: 'forbidden', detail: 'This key may not be used for that environment, label or team.' };
  }

  const entrypoint = request.entrypoint ?? ENTRYPOINTS[request.language].standard;
  const { endings } = ENTRYPOINTS[request.language];
  if (!endings.some((ending) => entrypoint.endsWith(ending))) {
    errors.push({ field: 'body.entrypoint', expected: `a name ending in ${endings.join(', ')}`, received: entrypoint });
  }

  if (entrypoint.startsWith('input.json/')) {
    errors.push({ field: 'body.entrypoint', expected: 'a name outside input.json', received: entrypoint });
  }

  const files = readFiles(request, entrypoint, { owner: actor.user_id, uploads: context.uploads }, errors);
  if (errors.length > 0 || !offered) return { outcome: 'invalid', errors };

  const resolved = resolveLimits(configuration, {
    environment,
    profile,
    requested: request.resource_limits,
    timeout_seconds: request.timeout_seconds,
  });
  if ('errors' in resolved) return { outcome: 'invalid', errors: resolved.errors };
  const inputBytes = files.reduce((sum, file) => sum + file.size_bytes, 0);
  const most = Math.min(resolved.limits.disk_bytes, INPUT_FILES_MAX_BYTES);
  if (inputBytes > most) {
    const expected = `at most ${most} bytes in all files together${most === resolved.limits.disk_bytes ? " (the run's disk)" : ''}`;
    return { outcome: 'invalid', errors: [{ field: 'body.files', expected, received: `${inputBytes} bytes` }] };
  }

  const manifest: Manifest = {
    version: 1,
    execution_id: executionId,
    requester_id: actor.user_id,
    approval_requested: request.approval_required ?? false,
    language: request.language,
    code: request.code,
    entrypoint,
    args: request.args ?? [],
    stdin: request.input_data === undefined ? null : JSON.stringify(request.input_data),
    env: request.env ?? {},
    files: files.map(({ path, sha256: hash, size_bytes }) => ({ path, sha256: hash, size_bytes })),
    environment,
    limits: resolved.limits,
    timeout_seconds: resolved.timeout_seconds,
    network: 'none',
    profile: { name: profile, content: { ...configuration.profiles[profile] } },
    context: request.context ?? {},
    image_id: context.imageId,
  };
  const manifestBytes = Buffer.from(canonicalJson(manifest), 'utf8');
  if (manifestBytes.byteLength > MANIFEST_MAX_BYTES) {
    const expected = `at most ${MANIFEST_MAX_BYTES} bytes in code, input_data, env, args and context together, written as JSON`;
    return { outcome: 'invalid', errors: [{ field: 'body', expected, received: `${manifestBytes.byteLength} bytes` }] };
  }
  const assessment = review(configuration, manifest);
  if (isBlocked(configuration, assessment.level))
    return { outcome: 'blocked', level: assessment.level, findings: assessment.findings };
  const { email, roles, teams, trusted_agent } = actor;
  const facts = factsOfRun(configuration, manifest, assessment.level, {
    requester: { email, roles, teams, trusted_agent },
    team: team ?? '',
    time: now,
  });
  const { rule, autoApproveConditions } = ruleFor(configuration, 'code_execution', facts);
  const approval = isApprovalRequired({
    configuration,
    profile,
    approvalRequested: manifest.approval_requested,
    timeoutSeconds: manifest.timeout_seconds,
    network: manifest.network,
    trustedAgent: actor.trusted_agent,
    autoApproveConditions,
    riskLevel: assessment.level,
  });
  if (approval.required && rule.requires_justification && !request.justification?.trim()) {
    const expected = `a reason in words: the approval rule ${rule.name} asks for one`;
    return { outcome: 'invalid', errors: [{ field: 'body.justification', expected, received: 'nothing' }] };
  }
  const at = now.toISOString();
  const maxConcurrent = mostConcurrent(configuration, actor.roles);
  const common = {
    execution_id: executionId,
    attempt: 1,
    requester: { user_id: actor.user_id, email: actor.email },
    language: request.language,
    environment,
    security_profile: profile,
    audit_level: configuration.profiles[profile].audit_level,
    ...(request.label === undefined ? {} : { label: request.label }),
    ...(team === null ? {} : { team }),
    ...(request.justification === undefined ? {} : { justification: request.justification }),
    digest: digestOf(manifestBytes),
    image_id: context.imageId,
    manifest_key: manifestKey(executionId),
    limits: resolved.limits,
    timeout_seconds: resolved.timeout_seconds,
    ...(maxConcurrent === null ? {} : { max_concurrent: maxConcurrent }),
    created_at: at,
    updated_at: at,
    ...EMPTY_CHAIN,
  };
  const execution: Submission['execution'] = approval.required
    ? {
        ...common,
        approval: { required: true, reasons: approval.reasons, approval_id: approvalIdOf(executionId) },
        phase: 'awaiting_approval',
        status: 'pending',
      }
    : { ...common, approval: { required: false, reasons: approval.reasons }, phase: 'queued', status: 'pending', queued_at: at };
  return { outcome: 'accepted', submission: { execution, manifestBytes, files } };
}

/** Names the launcher itself puts into the workspace. */
const RESERVED_PATHS = ['input.json', 'output'];

function readFiles(
  request: ExecuteRequest,
  entrypoint: string,
  known: { readonly owner: string; readonly uploads: ReadonlyMap<string, Upload> },
  errors: FieldError[],
): InputFile[] {
  const files = (request.files ?? []).flatMap((file, index): (InputFile & { field: string })[] => {
    const field = `body.files[${index}]`;
    if (file.file_id === undefined) {
      const content = file.content ?? '';
      if (file.encoding === 'base64' && !isBase64(content)) {
        errors.push({ field: `${field}.content`, expected: 'base64 with padding', received: `${content.slice(0, 20)}…` });
      }
      const bytes = Buffer.from(content, file.encoding ?? 'utf8');
      return [{ field, path: file.path ?? '', sha256: sha256(bytes), size_bytes: bytes.byteLength, source: { bytes } }];
    }
    const upload = known.uploads.get(file.file_id);
    // Not there and not yours are one answer.
    if (upload?.owner_id !== known.owner) {
      errors.push({ field: `${field}.file_id`, expected: 'the id of a file you uploaded within a day', received: file.file_id });
      return [];
    }
    const { sha256: hash, size_bytes } = upload;
    return [{ field, path: file.path ?? upload.name, sha256: hash, size_bytes, source: { upload } }];
  });
  for (const { field, path } of files) {
    const expected = whatIsWrongWith(path, entrypoint, files);
    if (expected) errors.push({ field: `${field}.path`, expected, received: path });
  }
  return files.map(({ field: _, ...file }) => file);
}

/** What a file's path has to be instead, if it cannot be what it is. */
function whatIsWrongWith(path: string, entrypoint: string, files: readonly { path: string }[]): string | null {
  if (!workspacePath.safeParse(path).success) return 'a path, as its name is none: letters, digits, . _ @ + - and space';
  if (path === entrypoint || path.startsWith(`${entrypoint}/`) || RESERVED_PATHS.includes(path.split('/')[0] ?? '')) {
    return `a path other than ${entrypoint}, input.json and output/`;
  }
  if (files.filter((other) => other.path === path).length > 1) return 'each path once';
  const isAlsoDirectory = [entrypoint, ...files.map((other) => other.path)].some((other) => other.startsWith(`${path}/`));
  return isAlsoDirectory ? 'a path in which no other file lies' : null;
}

const isBase64 = (text: string): boolean => Buffer.from(text, 'base64').toString('base64') === text;
