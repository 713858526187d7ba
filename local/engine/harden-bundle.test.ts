import { expect, it } from 'vitest';
import { type Bundle, hardenBundle } from './harden-bundle.ts';

const all = ['CAP_CHOWN', 'CAP_NET_RAW', 'CAP_SYS_CHROOT', 'CAP_SYS_ADMIN'];
const bundle: Bundle = {
  process: { args: ['tini'], capabilities: { bounding: all, effective: all, permitted: all, inheritable: all, ambient: all } },
  root: { path: '/merged' },
  mounts: [
    { destination: '/proc', type: 'proc', source: 'proc' },
    { destination: '/dev/shm', type: 'bind', source: '/host/shm' },
    { destination: '/run/.containerenv', type: 'bind', source: '/host/containerenv' },
  ],
  linux: { resources: { pids: { limit: 2048 }, devices: [] }, namespaces: ['kept'] },
};
const hardened = hardenBundle(bundle);

it('the root file system is read-only', () => {
  expect(hardened.root).toEqual({ path: '/merged', readonly: true });
});

it('only the capabilities that the supervisor needs are left, in every set', () => {
  const left = new Set(Object.values(hardened.process.capabilities ?? {}).flat());
  expect([...left].sort()).toEqual(['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_KILL', 'CAP_SETGID', 'CAP_SETPCAP', 'CAP_SETUID']);
});

it('every writable place has a size', () => {
  const scratch = hardened.mounts.filter(({ type }) => type === 'tmpfs');
  expect(scratch.map(({ destination }) => destination)).toEqual(['/run', '/tmp', '/workspace', '/dev/shm']);
  for (const { options } of scratch) expect(options).toContainEqual(expect.stringMatching(/^size=\d+m$/));
});

it('a volume comes before what is mounted inside it, and replaces what was there', () => {
  expect(hardened.mounts.map(({ destination }) => destination)).toEqual([
    '/proc',
    '/run',
    '/tmp',
    '/workspace',
    '/dev/shm',
    '/run/.containerenv',
  ]);
});

it('memory and processes are limited, and all else stays as it was', () => {
  expect(hardened.linux).toMatchObject({ namespaces: ['kept'], resources: { devices: [] } });
  expect(hardened.linux.resources?.memory).toEqual({ limit: expect.any(Number) });
  expect(hardened.linux.resources?.pids).toEqual({ limit: 512 });
  expect(hardened.process.args).toEqual(['tini']);
});
