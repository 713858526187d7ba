import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Everything a deployment is made from, besides the parameters of the instance. */
const sources = ['infra', 'functions', 'statemachines', 'config', 'sandbox-images', 'cdk.json', 'package-lock.json'];

/** The same for the same sources and parameters, whatever the order of files on disk. Tests do not count. */
export function deploymentFingerprint(project: string, parameters: Readonly<Record<string, string>>): string {
  const hash = createHash('sha256');
  const add = (name: string, content: string | Buffer) => {
    // Lengths keep two different lists of names and contents from running together into the same bytes.
    hash.update(`${Buffer.byteLength(name)}:${name}:${Buffer.byteLength(content)}:`).update(content);
  };
  for (const [name, value] of Object.entries(parameters).sort(([a], [b]) => (a < b ? -1 : 1))) add(name, value);
  for (const file of sources.flatMap((source) => filesUnder(join(project, source))))
    add(relative(project, file), readFileSync(file));
  return hash.digest('hex').slice(0, 32);
}

function filesUnder(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap((entry) => (entry.isDirectory() ? filesUnder(join(path, entry.name)) : [join(path, entry.name)]))
      .filter((file) => !file.endsWith('.test.ts') && !file.includes('/node_modules/'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR') return [path];
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
