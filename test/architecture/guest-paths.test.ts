/**
 * The supervisor is root in a tree that the guest may have filled with links. What could follow one is counted out here: whoever adds a
 * use has to say why the guest does not choose the path.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const supervisor = join(import.meta.dirname, '../../sandbox-images/supervisor');
const files = readdirSync(supervisor).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
const textOf = (file: string): string => readFileSync(join(supervisor, file), 'utf8');

/** These take a descriptor, or treat a link at the end of a path as the link it is. */
const FOLLOW_NOTHING = new Set([
  ...['closeSync', 'constants', 'fchownSync', 'fstatSync', 'lstatSync', 'mkdirSync', 'readSync', 'renameSync', 'rmSync'],
  ...['Stats', 'symlinkSync', 'unlinkSync'],
]);

const FOLLOW_BUT: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'control-group.ts': { readFileSync: 'files of the kernel' },
  'disk.ts': { accessSync: 'mount points, by fixed names', statSync: 'the same', statfsSync: 'the same' },
  'guard.ts': { existsSync: 'files of the image', readFileSync: 'files of the kernel' },
  'guest-files.ts': { openSync: 'with O_NOFOLLOW, see below', readdirSync: 'a directory that is open already' },
  'main.ts': { readFileSync: 'a file of the image' },
  'pipes.ts': { openSync: 'in a directory where guests cannot write' },
  'processes.ts': { readdirSync: 'of the kernel', readFileSync: 'files of the kernel' },
  'server.ts': { createReadStream: 'a file that is open already' },
  'staging.ts': { open: 'in a directory where guests cannot write, made anew', copyFileSync: 'made anew, before a guest runs' },
  'usage.ts': { readFileSync: 'a file of the kernel' },
  'workspace.ts': {
    chmodSync: 'before a guest runs',
    chownSync: 'before a guest runs',
    openSync: 'with O_NOFOLLOW, see below',
    writeFileSync: 'a file that is open already',
  },
};

/** What a module takes from node:fs and node:fs/promises, by name. */
function importedFrom(text: string): string[] {
  return [...text.matchAll(/import\s+([^;]*?)\s+from\s+'(?:node:)?fs(?:\/promises)?'/g)].flatMap(([, names = '']) =>
    names.startsWith('{')
      ? names
          .replace(/[{}]/g, '')
          .split(',')
          .map((name) => name.replace(/\btype\b/, '').trim())
          .filter(Boolean)
      : [`everything, as ${names}`],
  );
}

describe('the supervisor follows no link that a guest made', () => {
  it.each(files)('%s', (file) => {
    const following = importedFrom(textOf(file)).filter((name) => !FOLLOW_NOTHING.has(name));
    expect(following.sort(), 'add the use to the table, with the reason').toEqual(Object.keys(FOLLOW_BUT[file] ?? {}).sort());
    expect(textOf(file)).not.toMatch(/require\(|import\('(node:)?fs/);
  });

  it.each(['guest-files.ts', 'workspace.ts'])('%s opens with O_NOFOLLOW only', (file) => {
    const text = textOf(file);
    const flags = [...text.matchAll(/openSync\(\w+, (\w+)/g)].map((match) => match[1] ?? '');
    expect(flags.length).toBe(text.match(/openSync\(/g)?.length);
    for (const flag of flags) expect(text).toMatch(new RegExp(`const ${flag} =[^;]*O_NOFOLLOW`));
  });

  it('staging.ts writes over nothing', () => {
    const text = textOf('staging.ts');
    expect(text).toMatch(/open\(partial, 'wx'/);
    expect(text).toMatch(/copyFileSync\([^)]*COPYFILE_EXCL\)/);
  });
});
