import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { manifestOf, NOW, newExecutionId, openApprovalOf } from '../../../test/support/entities.ts';
import type { DecisionRequest, RunVersion } from '../../contracts/approval.ts';
import { digestOf } from '../execution/submit.ts';
import { isTighter, isTighterManifest, tighten } from './versions.ts';

const manifest = manifestOf(newExecutionId(), { files: [{ path: 'data.csv', sha256: 'c'.repeat(64), size_bytes: 5 * 2 ** 20 }] });
const shown = openApprovalOf(manifest.execution_id).versions[0] as RunVersion;
const by = { user_id: 'user-2', email: 'user-2@airlock.test' };
const under = (conditions: NonNullable<DecisionRequest['conditions']>) =>
  tighten(shown, manifest, conditions, by, { version: 2, now: NOW });

describe('conditions', () => {
  it('make a manifest that differs in its limits alone, under the digest of its own bytes', () => {
    const made = under({ timeout_seconds: 10, resource_limits: { memory: '64MB', cpu: '0.25' } });
    if ('errors' in made) throw new Error(JSON.stringify(made.errors));
    const after = JSON.parse(Buffer.from(made.manifestBytes).toString());
    expect(after).toEqual({
      ...manifest,
      timeout_seconds: 10,
      limits: { ...manifest.limits, memory_bytes: 64 * 2 ** 20, cpu: 0.25 },
    });
    expect(made.version).toMatchObject({ version: 2, digest: digestOf(made.manifestBytes), made_by: by });
    expect(made.version.manifest_key).toBe(`manifests/${manifest.execution_id}/${made.version.digest}.json`);
    expect(isTighterManifest(after, manifest)).toBe(true);
  });

  it('of conditions lie beside those they were made of', () => {
    const first = under({ timeout_seconds: 10 });
    if ('errors' in first) throw new Error('no version');
    const second = tighten(
      first.version,
      manifestOf(manifest.execution_id, { timeout_seconds: 10 }),
      { timeout_seconds: 5 },
      by,
      {
        version: 3,
        now: NOW,
      },
    );
    if ('errors' in second) throw new Error('no version');
    expect(second.version.manifest_key).toBe(`manifests/${manifest.execution_id}/${second.version.digest}.json`);
  });

  it.each([
    ['more time', { timeout_seconds: 61 }, 'body.conditions.timeout_seconds'],
    ['more memory', { resource_limits: { memory: '1GB' } }, 'body.conditions.resource_limits.memory'],
    ['less memory than anything needs', { resource_limits: { memory: '1MB' } }, 'body.conditions.resource_limits.memory'],
    ['no number', { resource_limits: { cpu: 'half' } }, 'body.conditions.resource_limits.cpu'],
    ['a disk too small for the input', { resource_limits: { disk: '4MB' } }, 'body.conditions.resource_limits.disk'],
    ['what is there already', { timeout_seconds: 60 }, 'body.conditions'],
    ['nothing', {}, 'body.conditions'],
  ])('that ask for %s are refused with the field', (_, conditions, field) => {
    expect(under(conditions)).toMatchObject({ errors: [{ field }] });
  });

  it('never give more of anything, whatever is asked', () => {
    const amount = fc.option(fc.oneof(fc.double({ noNaN: true }), fc.integer({ min: -10, max: 2 ** 31 })), { nil: undefined });
    const asked = fc.record({
      memory: amount,
      cpu: amount,
      disk: amount,
      processes: amount,
      open_files: amount,
      timeout: amount,
    });
    fc.assert(
      fc.property(asked, ({ timeout, ...resource_limits }) => {
        const made = under({ resource_limits, ...(timeout === undefined ? {} : { timeout_seconds: timeout }) });
        if ('errors' in made) return;
        expect(isTighter(made.version, shown)).toBe(true);
        expect(isTighterManifest(JSON.parse(Buffer.from(made.manifestBytes).toString()), manifest)).toBe(true);
      }),
    );
  });
});

describe('a manifest', () => {
  it.each([
    ['other code', { code: 'print(2)' }],
    ['another argument', { args: ['x'] }],
    ['another environment variable', { env: { A: 'b' } }],
    ['another image', { image_id: 'e'.repeat(64) }],
    ['no human asked for', { approval_requested: true }],
  ])('with %s is not a tighter version of another', (_, change) => {
    expect(isTighterManifest({ ...manifest, timeout_seconds: 1, ...change }, manifest)).toBe(false);
  });
});
