/** What an image is built from, and the id that follows from it: the same for whichever engine builds it, here or in a deployment. */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findNode, type NodeBinary } from './node-binary.ts';

export type Architecture = 'x64' | 'arm64';

const here = import.meta.dirname;

/** What programs find besides what Debian's smallest system has. */
export const PACKAGES = [
  'bash',
  'coreutils',
  'gawk',
  'jq',
  'python3',
  'python3-numpy',
  'python3-pandas',
  'tini',
  'util-linux',
  'util-linux-extra',
].join(' ');

const GUEST_FILES = ['make-filter.py', 'harden.sh', 'sitecustomize.py', 'wait.cjs', 'wait.sh'];

/** Lays the build context into an empty directory, and says what the build needs to be told besides. */
export async function prepareImageContext(options: {
  readonly directory: string;
  readonly architecture: Architecture;
  /** For what is expensive to fetch again; may be lost. */
  readonly cacheDir: string;
}): Promise<{ imageId: string; buildArgs: Record<string, string> }> {
  const { directory, architecture, cacheDir } = options;
  const node = await findNode(architecture, cacheDir);
  const inputs = await gatherInputs();
  const imageId = imageIdOf(inputs, node, architecture);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  await writeContext({ directory, inputs, imageId, node });
  return { imageId, buildArgs: { PACKAGES } };
}

export const imageIdOf = (inputs: Readonly<Record<string, string>>, node: NodeBinary, architecture: Architecture): string =>
  hashOf({ ...inputs, node: `${node.version} ${architecture}`, packages: PACKAGES });

export async function writeContext(context: {
  readonly directory: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly imageId: string;
  readonly node: NodeBinary;
}): Promise<void> {
  const { directory, inputs, imageId, node } = context;
  for (const [name, content] of Object.entries(inputs)) writeFileSync(join(directory, name), content);
  writeFileSync(join(directory, 'image-id'), `${imageId}\n`);
  copyFileSync(await node.path(), join(directory, 'node'));
}

/** Every file of the build context but the node binary and the id itself, by name. */
export async function gatherInputs(): Promise<Record<string, string>> {
  const files = GUEST_FILES.map((name) => [name, readFileSync(join(here, 'guest', name), 'utf8')]);
  const [supervisor, sql] = await Promise.all([bundle('supervisor/main.ts'), bundle('sql/main.ts')]);
  return {
    Dockerfile: readFileSync(join(here, 'Dockerfile'), 'utf8'),
    ...Object.fromEntries(files),
    'supervisor.mjs': supervisor,
    'sql.mjs': sql,
  };
}

async function bundle(entryPoint: string): Promise<string> {
  // Not needed, and not loaded, when the image is known.
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    entryPoints: [join(here, entryPoint)],
    absWorkingDir: here,
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    legalComments: 'none',
    logLevel: 'silent',
  });
  return outputFiles[0]?.text ?? '';
}

export function hashOf(inputs: Readonly<Record<string, string>>): string {
  const hash = createHash('sha256');
  for (const name of Object.keys(inputs).sort()) {
    const content = inputs[name] ?? '';
    hash.update(`${name}\0${Buffer.byteLength(content)}\0${content}`);
  }
  return hash.digest('hex');
}
