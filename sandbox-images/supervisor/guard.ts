import { existsSync, readFileSync } from 'node:fs';

export const IMAGE_ID_FILE = '/opt/airlock/image-id';

/** What tells a sandbox from every other machine. */
export interface SandboxEvidence {
  readonly imageMarker: string | undefined;
  readonly initProcessName: string;
  readonly hasImageId: boolean;
  readonly userId: number | undefined;
}

export function gatherSandboxEvidence(): SandboxEvidence {
  return {
    imageMarker: process.env.AIRLOCK_SANDBOX_IMAGE,
    initProcessName: readFileSync('/proc/1/comm', 'utf8').trim(),
    hasImageId: existsSync(IMAGE_ID_FILE),
    userId: process.getuid?.(),
  };
}

/**
 * The supervisor ends a run with kill(-1), which outside a container would end every process of the machine. All the evidence must
 * agree; one missing piece throws.
 */
export function assertInsideSandbox(evidence: SandboxEvidence): void {
  const missing = [
    evidence.imageMarker !== '1' && 'AIRLOCK_SANDBOX_IMAGE=1, which only the image sets',
    evidence.initProcessName !== 'tini' && `tini as process 1 (found ${evidence.initProcessName})`,
    !evidence.hasImageId && IMAGE_ID_FILE,
    evidence.userId !== 0 && 'user 0',
  ].filter((piece) => piece !== false);
  if (missing.length > 0) throw new NotASandboxError(missing);
}

export class NotASandboxError extends Error {
  override readonly name = 'NotASandboxError';

  constructor(missing: readonly string[]) {
    super(`This is not a sandbox; missing: ${missing.join('; ')}.`);
  }
}
