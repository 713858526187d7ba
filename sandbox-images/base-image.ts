import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Engine, execute, runToEnd, succeeds } from './engine.ts';
import type { Architecture } from './image-context.ts';

const DEBIAN_RELEASE = 'trixie';
const PUBLISHED = `debian:${DEBIAN_RELEASE}-slim`;
const PULL_TIMEOUT_SECONDS = 60;

/** The name of a local image with Debian's smallest system: the published one, or, where no registry answers, one made here. */
export async function prepareBaseImage(engine: Engine, architecture: Architecture, cacheDir: string): Promise<string> {
  const platform = `linux/${architecture === 'x64' ? 'amd64' : 'arm64'}`;
  const ownName = `airlock-sandbox-base:${DEBIAN_RELEASE}-${architecture}`;
  if (await succeeds(engine, ['image', 'inspect', ownName])) return ownName;
  if (await succeeds(engine, ['pull', '--platform', platform, PUBLISHED], PULL_TIMEOUT_SECONDS)) return PUBLISHED;
  engine.log(`${PUBLISHED} could not be pulled; making it from this machine's Debian sources.`);
  const archive = join(cacheDir, `${DEBIAN_RELEASE}-${architecture}.tar`);
  try {
    await makeRootFileSystem(engine, archive);
    await execute(engine, ['import', archive, ownName]);
  } finally {
    // The engine keeps it from now on.
    rmSync(archive, { force: true });
  }
  return ownName;
}

async function makeRootFileSystem(engine: Engine, archive: string): Promise<void> {
  const exitCode = await runToEnd(['mmdebstrap', '--variant=minbase', DEBIAN_RELEASE, archive], engine.env, engine.log);
  if (exitCode === 0) return;
  throw new Error(
    `No base image: ${PUBLISHED} could not be pulled, and mmdebstrap, which can make one as root, ended with ${exitCode}.`,
  );
}
