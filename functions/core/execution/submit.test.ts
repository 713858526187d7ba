import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configuration } from '../../../test/support/configuration.ts';
import { actorOf, IMAGE_ID, NOW, newExecutionId } from '../../../test/support/entities.ts';
import { CODE_MAX_BYTES, type ExecuteRequest, INPUT_DATA_MAX_BYTES } from '../../contracts/execution.ts';
import type { Upload } from '../../contracts/file.ts';
import { manifest as manifestSchema } from '../../contracts/manifest.ts';
import type { Actor } from '../identity/actor.ts';
import type { Configuration } from '../policy/configuration.ts';
import { digestOf, prepareSubmission } from './submit.ts';

const developer = actorOf(['developer']);
const submit = (
  request: Partial<ExecuteRequest>,
  actor: Actor = developer,
  uploads: readonly Upload[] = [],
  rules: Configuration = configuration,
) =>
  prepareSubmission(
    { language: 'python', code: 'print(1)', ...request },
    {
      uploads: new Map(uploads.map((upload) => [upload.file_id, upload])),
      actor,
      configuration: rules,
      imageId: IMAGE_ID,
      executionId: newExecutionId(),
      now: NOW,
    },
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

describe('the approval rule of a submission', () => {
  const [shipped] = configuration.approvalRules.code_execution ?? [];
  if (!shipped) throw new Error('code_execution has no rule');
  const withRules = (...rules: Partial<typeof shipped>[]): Configuration => ({
    ...configuration,
    approvalRules: { ...configuration.approvalRules, code_execution: rules.map((rule) => ({ ...shipped, ...rule })) },
  });

  it('may ask for a reason in words, white space being none, where a human is needed', () => {
    const rules = withRules({ requires_justification: true });
    for (const justification of [undefined, ' \n'])
      expect(submit({ justification }, developer, [], rules)).toMatchObject({
        outcome: 'invalid',
        errors: [{ field: 'body.justification', expected: expect.stringContaining('code_execution asks for one') }],
      });
    expect(submit({ justification: 'monthly' }, developer, [], rules)).toMatchObject({ outcome: 'accepted' });
    const trusted = { ...developer, trusted_agent: true };
    expect(submit({ security_profile: 'trusted' }, trusted, [], rules)).toMatchObject({ outcome: 'accepted' });
  });

  it('brings its own auto-approve conditions, and none where it cannot be told', () => {
    const quick = { security_profile: 'standard', timeout_seconds: 30 } as const;
    const phaseUnder = (...rules: Partial<typeof shipped>[]) => {
      const outcome = submit(quick, { ...developer, trusted_agent: true }, [], withRules(...rules));
      return outcome.outcome === 'accepted' && outcome.submission.execution.phase;
    };
    expect(phaseUnder({})).toBe('queued');
    expect(phaseUnder({ when: 'language == "python"', auto_approve_conditions: [] }, {})).toBe('awaiting_approval');
    expect(phaseUnder({ when: 'language == "bash"', auto_approve_conditions: [] }, {})).toBe('queued');
    expect(phaseUnder({ when: 'requester.teams[3] == "x"' }, {})).toBe('awaiting_approval');
  });
});

describe('input files', () => {
  const upload: Upload = {
    file_id: 'file_0198c0de-0000-7000-8000-000000000001',
    owner_id: developer.user_id,
    name: 'data 1.csv',
    size_bytes: 50,
    sha256: 'ab'.repeat(32),
    created_at: NOW.toISOString(),
    verified: false,
  };
  const { file_id } = upload;
  const manifestOf = (outcome: ReturnType<typeof submit>) => {
    if (outcome.outcome !== 'accepted') throw new Error(JSON.stringify(outcome));
    return manifestSchema.parse(JSON.parse(Buffer.from(outcome.submission.manifestBytes).toString()));
  };

  it('that were uploaded are hash and size to the manifest, under their path or else their name', () => {
    const { files } = manifestOf(submit({ files: [{ file_id }, { file_id, path: 'in/a.csv' }] }, developer, [upload]));
    const { sha256, size_bytes } = upload;
    expect(files).toEqual([
      { path: 'data 1.csv', sha256, size_bytes },
      { path: 'in/a.csv', sha256, size_bytes },
    ]);
  });

  it('of somebody else are not told from those that do not exist', () => {
    const others = { ...upload, owner_id: 'somebody else' };
    const refusal = submit({ files: [{ file_id }] }, developer, [others]);
    expect(refusal).toMatchObject({ outcome: 'invalid', errors: [{ field: 'body.files[0].file_id' }] });
    expect(refusal).toEqual(submit({ files: [{ file_id }] }, developer, []));
  });

  it.each([
    ['two at one path', ['a', 'a'], [0, 1]],
    ['one in the other', ['a/b', 'a'], [1]],
    ['one above the program', ['src'], [0]],
    ['one inside the program', ['src/main.py/x'], [0]],
    ['the program itself', ['src/main.py'], [0]],
    ['what the launcher writes', ['input.json', 'output/x', 'ok'], [0, 1]],
  ])('are refused one by one when they are %s', (_, paths, wrong) => {
    const outcome = submit({ entrypoint: 'src/main.py', files: paths.map((path) => ({ path, content: '' })) });
    if (outcome.outcome !== 'invalid') throw new Error(outcome.outcome);
    expect(outcome.errors.map((error) => error.field)).toEqual(wrong.map((index) => `body.files[${index}].path`));
  });

  it('need a path when the name they were announced with is none', () => {
    const named = { ...upload, name: '../é.csv' };
    expect(submit({ files: [{ file_id }] }, developer, [named])).toMatchObject({ errors: [{ field: 'body.files[0].path' }] });
    expect(submit({ files: [{ file_id, path: 'e.csv' }] }, developer, [named])).toMatchObject({ outcome: 'accepted' });
  });

  it('are no more together than the run’s disk', () => {
    const large = { ...upload, size_bytes: 100 * 2 ** 20 };
    const files = ['a', 'b', 'c'].map((path) => ({ path, file_id }));
    expect(submit({ files }, developer, [large])).toMatchObject({ outcome: 'invalid', errors: [{ field: 'body.files' }] });
    expect(submit({ files: files.slice(1) }, developer, [large])).toMatchObject({ outcome: 'accepted' });
  });
});

describe('all that is said of a run', () => {
  const control = '\u0001';

  it('fits an answer and a sandbox, or is refused with its size', () => {
    // Each part is within its own limit.
    const code = `#${control.repeat(200 * 1024)}`;
    const env = Object.fromEntries(Array.from({ length: 64 }, (_, index) => [`A${index}`, control.repeat(4096)]));
    expect(submit({ code })).toMatchObject({ outcome: 'accepted' });
    expect(submit({ env })).toMatchObject({ outcome: 'accepted' });
    const refused = submit({ code, env });
    expect(refused).toMatchObject({
      outcome: 'invalid',
      errors: [{ field: 'body', expected: expect.stringContaining('at most 2097152 bytes') }],
    });
  });

  it('has room for the largest input there may be', () => {
    const input_data = { text: 'x'.repeat(INPUT_DATA_MAX_BYTES - 20) };
    expect(submit({ code: 'x'.repeat(CODE_MAX_BYTES), input_data })).toMatchObject({ outcome: 'accepted' });
  });
});

describe('names from a request', () => {
  it.each(['constructor', '__proto__', 'toString'])('find nothing that is not configured: %s', (environment) => {
    expect(submit({ environment })).toMatchObject({ outcome: 'invalid', errors: [{ field: 'body.environment' }] });
  });
});
