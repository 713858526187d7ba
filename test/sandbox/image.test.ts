/** What config/ says of the image is what the image holds. */
import { describe, expect, it } from 'vitest';
import { configuration } from '../support/configuration.ts';
import { command, prepareSandboxes } from './support.ts';

const VERSION_COMMANDS = {
  python: ['python3', '-c', 'import platform; print(platform.python_version())'],
  nodejs: ['node', '-p', 'process.versions.node'],
  bash: ['bash', '-c', 'echo $BASH_VERSION'],
  sql: ['node', '-p', "new (require('node:sqlite').DatabaseSync)(':memory:').prepare('select sqlite_version() v').get().v"],
} as const;

async function inImage(args: readonly string[]): Promise<string> {
  const { tag } = await prepareSandboxes();
  return await command('run', '--rm', '--network', 'none', '--entrypoint', args[0] ?? '', tag, ...args.slice(1));
}

describe('the image holds', () => {
  it.each(Object.entries(VERSION_COMMANDS))('the configured version of %s', async (language, args) => {
    const { version } = configuration.languages[language as keyof typeof VERSION_COMMANDS];
    expect(`${await inImage(args)}.`.startsWith(`${version}.`), `config says ${version}`).toBe(true);
  });

  it('the allowed packages, within their ranges', async () => {
    for (const allowed of configuration.languages.python.allowed_packages) {
      const [, name = '', from = '', below = ''] = /^([a-z0-9_-]+)>=([\d.]+),<([\d.]+)$/.exec(allowed) ?? [];
      const version = await inImage(['python3', '-c', `import ${name}; print(${name}.__version__)`]);
      expect(compare(version, from), `${name} ${version} against ${allowed}`).toBeGreaterThanOrEqual(0);
      expect(compare(version, below), `${name} ${version} against ${allowed}`).toBeLessThan(0);
    }
  });
});

function compare(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map((part) => Number.parseInt(part, 10) || 0));
  for (let index = 0; index < 4; index += 1) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
