import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { deploymentFingerprint } from './deployment-fingerprint.ts';

let project: string;
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'fingerprint-'));
  mkdirSync(join(project, 'functions', 'core'), { recursive: true });
  writeFileSync(join(project, 'functions', 'core', 'a.ts'), 'one');
  writeFileSync(join(project, 'cdk.json'), '{}');
});
afterEach(() => rmSync(project, { recursive: true }));

const parameters = { AIRLOCK_STAGE: 'local', AIRLOCK_SANDBOX_IMAGE_ID: 'image-1' };
const fingerprint = (changed = {}) => deploymentFingerprint(project, { ...parameters, ...changed });

it('is the same for the same sources and parameters', () => {
  expect(fingerprint()).toBe(fingerprint());
  expect(deploymentFingerprint(project, Object.fromEntries(Object.entries(parameters).reverse()))).toBe(fingerprint());
});

it.each([
  ['a changed function', () => writeFileSync(join(project, 'functions', 'core', 'a.ts'), 'two')],
  ['a new function', () => writeFileSync(join(project, 'functions', 'b.ts'), '')],
  ['a renamed function', () => rename()],
  ['a changed cdk.json', () => writeFileSync(join(project, 'cdk.json'), '{"app":"x"}')],
])('changes with %s', (_what, change) => {
  const before = fingerprint();
  change();
  expect(fingerprint()).not.toBe(before);
});

it('changes with another image or address', () => {
  expect(fingerprint({ AIRLOCK_SANDBOX_IMAGE_ID: 'image-2' })).not.toBe(fingerprint());
  expect(fingerprint({ AIRLOCK_PUBLIC_URL: 'http://127.0.0.1:9000' })).not.toBe(fingerprint());
});

it('does not change with tests, nor with what is not deployed', () => {
  const before = fingerprint();
  writeFileSync(join(project, 'functions', 'core', 'a.test.ts'), 'test');
  writeFileSync(join(project, 'README.md'), 'words');
  expect(fingerprint()).toBe(before);
});

function rename(): void {
  rmSync(join(project, 'functions', 'core', 'a.ts'));
  writeFileSync(join(project, 'functions', 'core', 'b.ts'), 'one');
}
