/** What an approver sees besides the request itself: who asks, how the like went before, and what is new since it was last approved. */
import type { Approval, ApprovalContext } from '../../contracts/approval.ts';
import type { Execution } from '../../contracts/execution.ts';
import type { Manifest } from '../../contracts/manifest.ts';
import type { Operation } from '../../contracts/operation.ts';
import { ManifestUnreadable } from '../execution/manifest.ts';
import type { ExecutionStore, ObjectStore } from '../execution/ports.ts';
import type { IdentityStore } from '../identity/ports.ts';
import type { Page } from '../page.ts';
import type { Configuration } from '../policy/configuration.ts';
import { hiddenCharacters, madeVisible } from '../text/hidden.ts';
import { canonicalJson, type Json } from '../text/json.ts';
import { type Asked, detailsText, readAsked } from './asked.ts';
import type { ApprovalStore } from './ports.ts';
import { approvedVersion } from './versions.ts';

export interface ContextParts {
  readonly executions: Pick<ExecutionStore, 'list'>;
  readonly approvals: Pick<ApprovalStore, 'get' | 'listAlike'>;
  readonly identities: Pick<IdentityStore, 'get'>;
  readonly objects: Pick<ObjectStore, 'get'>;
  readonly configuration: Pick<Configuration, 'environments'>;
}

const MAX_SIMILAR = 10;

export async function contextOf(parts: ContextParts, request: Approval, asked: Asked): Promise<ApprovalContext> {
  const { manifest } = asked;
  const [earlier, requester] = await Promise.all([earlierThan(parts, request), parts.identities.get(request.requester.user_id)]);
  const text = manifest ? manifest.code : detailsText(asked.operation);
  const hidden = hiddenCharacters(text);
  const fits = roomBeside(asked);
  const visible = hidden.length > 0 ? madeVisible(text) : null;
  const visibleFits = visible === null || fits(visible);
  return {
    operation_summary: request.summary,
    agent_context: requester && {
      roles: requester.roles,
      teams: requester.teams,
      trusted_agent: requester.trusted_agent,
      disabled: requester.disabled,
    },
    similar_operations: earlier.slice(0, MAX_SIMILAR),
    last_approved: await lastApproved(parts, earlier, asked, fits),
    execution_preview: manifest && previewOf(parts.configuration, manifest),
    hidden_characters: hidden.slice(0, MAX_HIDDEN),
    hidden_characters_total: hidden.length,
    visible_code: visibleFits ? visible : null,
    visible_code_omitted: !visibleFits,
  };
}

type Earlier = ApprovalContext['similar_operations'][number];
type Fits = (text: Json) => boolean;

/** A function answers with 6 MB at most, in which its answer is a text within JSON; what is left over is for everything else in it. */
const ANSWER_BYTES = 5 * 1024 * 1024;

/** What is asked for is always there whole. Whatever stands beside it takes of the room that is left, first come first served. */
function roomBeside(asked: Asked): Fits {
  const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(JSON.stringify(value)));
  let left = ANSWER_BYTES - bytesOf(asked);
  return (text) => {
    const bytes = bytesOf(text);
    if (bytes > left) return false;
    left -= bytes;
    return true;
  };
}

/** Places are shown up to so many; the count says how many there are. */
const MAX_HIDDEN = 200;

/** So far back it is looked for the like, most of all for what was approved last. */
const MAX_PAGES = 4;
const PAGE_ROWS = 25;

/** Of the same requester, label and team, newest first. Without a label nothing is alike. */
async function earlierThan(parts: ContextParts, request: Approval): Promise<Earlier[]> {
  const { label, execution_id, operation_type, requester } = request;
  if (label === null) return [];
  const filter = { requester_id: requester.user_id, label };
  const before = { ...filter, created_before: request.created_at };
  const read = (cursor: string | null): Promise<Page<Execution | Approval>> =>
    execution_id === null
      ? parts.approvals.listAlike({ ...filter, operation_type }, PAGE_ROWS, cursor)
      : parts.executions.list(before, PAGE_ROWS, cursor);
  const found: Earlier[] = [];
  let cursor: string | null = null;
  for (let pages = 0; pages < MAX_PAGES; pages += 1) {
    const page = await read(cursor);
    const alike = page.items.filter((row) => isEarlier(row, request) && (row.team ?? null) === request.team);
    found.push(...alike.map((row) => ('phase' in row ? earlierRun(row) : earlierOperation(row))));
    cursor = page.cursor;
    if (cursor === null) return found;
  }
  return found;
}

/** Ids grow with time. */
const isEarlier = (row: Execution | Approval, request: Approval): boolean =>
  'phase' in row ? row.execution_id < (request.execution_id ?? '') : row.approval_id < request.approval_id;

const earlierRun = (row: Execution): Earlier => ({
  execution_id: row.execution_id,
  approval_id: row.approval.approval_id ?? null,
  digest: row.digest,
  status: row.status,
  error: row.phase === 'done' ? (row.outcome.error?.code ?? null) : null,
  created_at: row.created_at,
});

const earlierOperation = ({ approval_id, digest, status, created_at }: Approval): Earlier => ({
  ...{ execution_id: null, approval_id, digest, status, error: null, created_at },
});

async function lastApproved(
  parts: ContextParts,
  earlier: readonly Earlier[],
  asked: Asked,
  fits: Fits,
): Promise<ApprovalContext['last_approved']> {
  for (const { approval_id, execution_id, status, error } of earlier) {
    if (NEVER_APPROVED.includes(error ?? status)) continue;
    const request = approval_id && (await parts.approvals.get(approval_id));
    const version = request && approvedVersion(request);
    if (!version || request.status !== 'approved') continue;
    const { manifest_key, digest } = version;
    const before = await readAsked(parts.objects, { execution_id, manifest_key, digest }).catch((error: unknown) => {
      if (error instanceof ManifestUnreadable) return null;
      throw error;
    });
    if (!before) continue;
    return {
      ...{ approval_id, execution_id, digest, approved_at: request.closed_at },
      differences: differencesBetween(contentOf(before), contentOf(asked)).map(({ field, before: was }) => {
        const isThere = fits(was);
        return { field, before: isThere ? was : null, omitted: !isThere };
      }),
    };
  }
  return null;
}

/** Of these nobody needs to ask further: operations by their status, runs by what they ended with. */
const NEVER_APPROVED: readonly string[] = [
  ...['open', 'denied', 'expired', 'withdrawn'],
  ...['approval_denied', 'approval_expired', 'approval_withdrawn'],
];

const contentOf = ({ manifest, operation }: Asked): Manifest | Operation => manifest ?? operation;

/** What two of them always differ in. */
const OWN_TO_EACH: readonly string[] = ['execution_id', 'approval_id', 'version'];

/** Each field that is another now, with what it was; what it is stands in the manifest. */
function differencesBetween(before: Manifest | Operation, now: Manifest | Operation): { field: string; before: Json }[] {
  const was = new Map<string, Json>(Object.entries(before));
  return Object.entries(now).flatMap(([field, value]) => {
    const earlier = was.get(field) ?? null;
    const isSame = OWN_TO_EACH.includes(field) || canonicalJson(earlier) === canonicalJson(value);
    return isSame ? [] : [{ field, before: earlier }];
  });
}

function previewOf(configuration: ContextParts['configuration'], manifest: Manifest): ApprovalContext['execution_preview'] {
  const { environments } = configuration;
  const environment = Object.hasOwn(environments, manifest.environment) ? environments[manifest.environment] : undefined;
  return {
    language: manifest.language,
    environment: manifest.environment,
    packages: environment?.allowed_packages ?? [],
    security_profile: manifest.profile.name,
    network: manifest.network,
    limits: manifest.limits,
    timeout_seconds: manifest.timeout_seconds,
    lines: manifest.code.split('\n').length,
    code_bytes: Buffer.byteLength(manifest.code),
    input_bytes: Buffer.byteLength(manifest.stdin ?? ''),
    files: manifest.files,
    image_id: manifest.image_id,
  };
}
