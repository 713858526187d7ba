import { appendFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { LocalCloudFailure } from './failure.ts';
import { type Instance, projectDirectory, sharedDirectory } from './instance.ts';
import type { Engine } from './parts/engine.ts';

export interface SandboxImage {
  readonly tag: string;
  /** Names the content of the image; it is baked into the image too. */
  readonly imageId: string;
}

interface ImageBuild {
  buildSandboxImage(options: {
    engine: readonly string[];
    env: NodeJS.ProcessEnv;
    log: (line: string) => void;
    cacheDir: string;
  }): Promise<SandboxImage>;
}

/** Builds the sandbox image, or finds that it is there. Instances share it. */
export async function buildImage(instance: Instance, engine: Engine): Promise<SandboxImage> {
  const script = join(projectDirectory, 'sandbox-images', 'build.ts');
  if (!existsSync(script)) throw new LocalCloudFailure('There is no sandbox-images/build.ts, so no sandbox image can be built.');
  const { buildSandboxImage } = (await import(script)) as ImageBuild;
  const cacheDir = join(sharedDirectory, 'cache');
  mkdirSync(cacheDir, { recursive: true });
  const logFile = join(instance.logsDirectory, 'image.log');
  const log = (line: string) => appendFileSync(logFile, `${line.trimEnd()}\n`, { mode: 0o600 });
  return buildSandboxImage({ engine: engine.command, env: engine.env, log, cacheDir });
}
