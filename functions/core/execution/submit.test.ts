import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configuration } from '../../../test/support/configuration.ts';
import { actorOf, IMAGE_ID, NOW, newExecutionId } from '../../../test/support/entities.ts';
import type { ExecuteRequest } from '../../contracts/execution.ts';
import { manifest as manifestSchema } from '../../contracts/manifest.ts';
import type { Actor } from '../identity/actor.ts';
import { digestOf, prepareSubmission } from './submit.ts';

const developer = actorOf(['developer']);
const submit = (request: Partial<ExecuteRequest>, actor: Actor = developer) =>
  prepareSubmission(
    { language: 'python', code: 'print(1)', ...request },
    { uploads: new Map(), actor, configuration, imageId: IMAGE_ID, executionId: newExecutionId(), now: NOW },
  );

describe('a plain submission', () => {
  it('gets the language’s profile, which waits for a human', () => {
    expect(submit({})).toMatchObject({
      outcome: 'accepted',
      submission: { execution: { phase: 'awaiting_approval', security_profile: 'restricted' } },
    });
  });

  it('has a digest over exactly the stored bytes, which say all that decides the run', () => {
    const outcome = submit({
      args: ['a'],
      env: { A: '1' },
      files: [{ path: 'x.txt', content: 'hi', encoding: 'utf8' }],
      input_data: { n: 1 },
    });
    if (outcome.outcome !== 'accepted') throw new Error(outcome.outcome);
    const { execution, manifestBytes } = outcome.submission;
    expect(digestOf(manifestBytes)).toBe(execution.digest);
    const manifest = manifestSchema.parse(JSON.parse(Buffer.from(manifestBytes).toString()));
    expect(manifest).toMatchObject({
      code: 'print(1)',
      args: ['a'],
      env: { A: '1' },
      stdin: '{"n":1}',
      image_id: IMAGE_ID,
      network: 'none',
    });
    expect(manifest.files).toMatchObject([{ path: 'x.txt', size_bytes: 2 }]);
  });
});

describe('the caller can only raise', () => {
  const trusted: Actor = { ...developer, trusted_agent: true };

  it('a trusted agent’s run needs no human, unless it asks for one', () => {
    expect(submit({ security_profile: 'trusted' }, trusted)).toMatchObject({ submission: { execution: { phase: 'queued' } } });
    expect(submit({ security_profile: 'trusted', approval_required: true }, trusted)).toMatchObject({
      submission: { execution: { phase: 'awaiting_approval' } },
    });
  });

  it('approval_required: false lowers nothing', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('restricted' as const, 'standard' as const),
        fc.integer({ min: 1, max: 300 }),
        (security_profile, timeout_seconds) => {
          const without = submit({ security_profile, timeout_seconds });
          const lowered = submit({ security_profile, timeout_seconds, approval_required: false });
          expect(lowered).toMatchObject({
            submission: { execution: { phase: without.outcome === 'accepted' ? without.submission.execution.phase : '' } },
          });
        },
      ),
    );
  });

  it('a profile is only for those it lists', () => {
    expect(submit({ security_profile: 'trusted' })).toMatchObject({ outcome: 'forbidden' });
    expect(submit({}, actorOf(['viewer']))).toMatchObject({ outcome: 'forbidden' });
  });
});

describe('names from a request', () => {
  it.each(['constructor', '__proto__', 'toString'])('find nothing that is not configured: %s', (environment) => {
    expect(submit({ environment })).toMatchObject({ outcome: 'invalid', errors: [{ field: 'body.environment' }] });
  });
});
