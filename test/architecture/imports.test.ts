/** Who may import whom (docs/architecture.md), read from the import statements themselves. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const sources = ['functions', 'infra', 'local', 'operations', 'sandbox-images', 'test', 'web'].flatMap((folder) =>
  typescriptIn(join(root, folder)),
);

/** A part of the house, by the start of its path, and what it may import of the others. Tests may besides use `test/support`. */
const RULES: { part: RegExp; may: RegExp[] }[] = [
  { part: /^functions\/contracts\//, may: [] },
  { part: /^functions\/core\//, may: [/^functions\/contracts\//] },
  { part: /^functions\/adapters\//, may: [/^functions\/core\//, /^functions\/contracts\//] },
  { part: /^functions\/runtime\//, may: [/^functions\/core\//, /^functions\/contracts\//, /^functions\/adapters\//] },
  {
    part: /^functions\/(api|tasks|events|live|mcp)\//,
    may: [/^functions\/(core|contracts|adapters|runtime)\//],
  },
  {
    part: /^infra\//,
    may: [/^functions\/contracts\//, /^functions\/core\/policy\/configuration\.ts$/, /^sandbox-images\/image-context\.ts$/],
  },
  { part: /^local\//, may: [/^functions\/contracts\//, /^sandbox-images\/build\.ts$/] },
  { part: /^operations\//, may: [/^functions\/(core|contracts|adapters)\//, /^local\//] },
  { part: /^sandbox-images\//, may: [/^functions\/contracts\/(manifest|ticket|sandbox-protocol)\.ts$/] },
  { part: /^web\//, may: [/^functions\/contracts\//] },
];

const ENTRY = /^functions\/((api|tasks|events|live|mcp)\/[^/]+)\//;

describe('imports follow the house rules', () => {
  it.each(sources.filter((file) => !file.startsWith('test/')))('%s', (file) => {
    const rule = RULES.find(({ part }) => part.test(file));
    expect(rule, `${file} belongs to no part of the house`).toBeDefined();
    for (const imported of localImports(file)) {
      const within = rule?.part.exec(file)?.[0];
      const sameEntry = ENTRY.exec(file)?.[1] === ENTRY.exec(imported)?.[1];
      const isOwn = within !== undefined && imported.startsWith(within) && sameEntry;
      const isTestHelp = file.endsWith('.test.ts') && imported.startsWith('test/support/');
      const isAllowed = isOwn || isTestHelp || rule?.may.some((allowed) => allowed.test(imported));
      expect(isAllowed, `${file} may not import ${imported}`).toBe(true);
    }
  });
});

describe('the domain', () => {
  it('uses no SDK, no network, no clock and no randomness of its own', () => {
    for (const file of sources.filter((path) => path.startsWith('functions/core/') && !path.endsWith('.test.ts'))) {
      const text = readFileSync(join(root, file), 'utf8');
      expect(
        packageImports(text).filter((name) => /^(@aws-sdk|aws-|redis|node:(http|net|dns|child_process|timers))/.test(name)),
        file,
      ).toEqual([]);
      expect(/\bDate\.now\(\)|new Date\(\)|Math\.random\(\)|randomUUID/.test(text), `${file} reads clock or randomness`).toBe(
        false,
      );
    }
  });

  it('leaves SDKs to the adapters', () => {
    for (const file of sources.filter((path) => path.startsWith('functions/') && !path.startsWith('functions/adapters/'))) {
      const sdks = packageImports(readFileSync(join(root, file), 'utf8')).filter((name) =>
        /^(@aws-sdk\/client|redis)/.test(name),
      );
      expect(sdks, file).toEqual([]);
    }
  });
});

function typescriptIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)));
  } catch {
    return [];
  }
}

const specifiers = (text: string): string[] =>
  [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '');
const packageImports = (text: string): string[] => specifiers(text).filter((name) => !name.startsWith('.'));

const localImports = (file: string): string[] =>
  specifiers(readFileSync(join(root, file), 'utf8'))
    .filter((name) => name.startsWith('.') && /\.(ts|tsx)$/.test(name))
    .map((name) => normalize(join(dirname(file), name)));
