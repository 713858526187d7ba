import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { prepareBaseImage } from './base-image.ts';
import { type Engine, execute, succeeds } from './engine.ts';
import { type Architecture, gatherInputs, hashOf, imageIdOf, PACKAGES, writeContext } from './image-context.ts';
import { findNode, type NodeBinary } from './node-binary.ts';

export interface BuildOptions {
  /** The command line of the container engine, such as `['podman']`. */
  readonly engine: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly log: (line: string) => void;
  /** For what is expensive to make again; may be lost. */
  readonly cacheDir: string;
  /** Of the image; that of this machine if not given. */
  readonly architecture?: Architecture;
}

export interface SandboxImage {
  readonly tag: string;
  /** Hash of everything that was chosen for the image; the supervisor finds it in /opt/airlock/image-id. */
  readonly imageId: string;
}

const here = import.meta.dirname;

/** Builds the sandbox image with the given engine, or finds that it has this very image already. */
export async function buildSandboxImage(options: BuildOptions): Promise<SandboxImage> {
  const { engine, env, log, cacheDir, architecture = hostArchitecture() } = options;
  const node = await findNode(architecture, cacheDir);
  const run: Engine = { command: engine, env, log };
  const note = join(cacheDir, `image-${hashOf({ ...readSources(), node: `${node.version} ${architecture}` })}`);
  const known = existsSync(note) ? readFileSync(note, 'utf8') : undefined;
  if (known && (await succeeds(run, ['image', 'inspect', tagOf(known)]))) return { tag: tagOf(known), imageId: known };

  const inputs = await gatherInputs();
  const imageId = imageIdOf(inputs, node, architecture);
  const tag = tagOf(imageId);
  if (!(await succeeds(run, ['image', 'inspect', tag]))) await makeImage({ run, inputs, imageId, node, architecture, cacheDir });
  // The same sources make the same image: next time nothing needs to be bundled to know which.
  writeFileSync(note, imageId);
  return { tag, imageId };
}

async function makeImage(image: {
  run: Engine;
  inputs: Readonly<Record<string, string>>;
  imageId: string;
  node: NodeBinary;
  architecture: Architecture;
  cacheDir: string;
}): Promise<void> {
  const { run, inputs, imageId, node, architecture, cacheDir } = image;
  const tag = tagOf(imageId);
  run.log(`Building ${tag}`);
  const base = await prepareBaseImage(run, architecture, cacheDir);
  const context = mkdtempSync(join(tmpdir(), 'airlock-image-'));
  try {
    await writeContext({ directory: context, inputs, imageId, node });
    await execute(run, buildCommand({ tag, base, context, architecture }));
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

const tagOf = (imageId: string): string => `airlock-sandbox:${imageId.slice(0, 12)}`;

/** Everything the content of the image follows from, on disk: the own sources, the contracts, and the versions of the packages. */
function readSources(): Record<string, string> {
  const project = join(here, '..');
  const folders = [here, join(project, 'functions', 'contracts')];
  const sources = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  const files = [...sources, join(project, 'package-lock.json')].filter((file) => existsSync(file));
  return Object.fromEntries(files.map((file) => [relative(project, file), readFileSync(file, 'utf8')]));
}

function buildCommand(image: { tag: string; base: string; context: string; architecture: Architecture }): string[] {
  const { tag, base, context, architecture } = image;
  const platform =
    architecture === hostArchitecture() ? [] : ['--platform', `linux/${architecture === 'x64' ? 'amd64' : 'arm64'}`];
  return [
    ...['build', '--network=host', ...platform, '--tag', tag],
    ...['--build-arg', `BASE=${base}`, '--build-arg', `PACKAGES=${PACKAGES}`],
    context,
  ];
}

const hostArchitecture = (): Architecture => (process.arch === 'arm64' ? 'arm64' : 'x64');

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      engine: { type: 'string', default: 'podman' },
      architecture: { type: 'string' },
      'cache-directory': { type: 'string', default: join(here, '..', '.airlock', 'cache') },
    },
  });
  mkdirSync(values['cache-directory'], { recursive: true });
  const image = await buildSandboxImage({
    engine: [values.engine],
    env: process.env,
    log: (line) => console.error(line),
    cacheDir: values['cache-directory'],
    ...(values.architecture === 'x64' || values.architecture === 'arm64' ? { architecture: values.architecture } : {}),
  });
  console.log(JSON.stringify(image));
}
