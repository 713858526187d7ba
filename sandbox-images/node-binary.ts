import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { runToEnd } from './engine.ts';
import type { Architecture } from './image-context.ts';

export interface NodeBinary {
  readonly version: string;
  /** Where the program is; fetched first if this machine does not have it. */
  readonly path: () => Promise<string>;
}

/** Node for the image, in the version this project itself runs on, from the packages that the `node` package installs. */
export async function findNode(architecture: Architecture, cacheDir: string): Promise<NodeBinary> {
  const packageFile = createRequire(import.meta.url).resolve('node/package.json');
  const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };
  return { version, path: () => locate(dirname(packageFile), architecture, version, cacheDir) };
}

async function locate(nodePackage: string, architecture: Architecture, version: string, cacheDir: string): Promise<string> {
  const name = `node-linux-${architecture}`;
  const directory = join(cacheDir, `${name}-${version}`);
  const fetched = join(directory, 'node_modules', name, 'bin', 'node');
  const installed = [
    join(nodePackage, 'node_modules', name, 'bin', 'node'),
    join(nodePackage, '..', name, 'bin', 'node'),
    ...(process.platform === 'linux' && process.arch === architecture ? [join(nodePackage, 'bin', 'node')] : []),
    fetched,
  ];
  const found = installed.find((path) => existsSync(path));
  if (found) return found;
  mkdirSync(directory, { recursive: true });
  const install = ['npm', 'install', '--prefix', directory, '--no-save', '--force', '--ignore-scripts', `${name}@${version}`];
  const exitCode = await runToEnd(install, process.env, () => {});
  if (exitCode !== 0) throw new Error(`${name}@${version} could not be installed (npm ended with ${exitCode}).`);
  return fetched;
}
