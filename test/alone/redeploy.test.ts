/** Requests that wait for a human while what they would run on is deployed again: with the same sandbox image, and with another. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { approvalOf, approve, finished, get, until } from '../support/airlock.ts';
import { executionRow, functionVariable, poolNow, withVariable } from '../support/faults.ts';
import { waiting } from '../support/waiting.ts';

const OTHER_IMAGE = 'e'.repeat(64);
/** Whoever says what is approved, on what it runs, and that it may. */
const FUNCTIONS = ['api/approvals', 'tasks/join-line', 'tasks/claim-sandbox', 'tasks/issue-ticket'];

const started = async (executionId: string): Promise<number> =>
  (await get(executionId)).audit_trail.filter(({ action }) => action === 'run_started').length;

describe('an approval, after a deployment', () => {
  it('holds as long as the image is the same: its functions are new ones, and exactly what was approved runs, once', async () => {
    const code = `print("${randomUUID()}")`;
    const request = await waiting({ code });
    const image = (await approvalOf(request)).manifest?.image_id;
    const putBack: (() => Promise<unknown>)[] = [];
    try {
      for (const path of FUNCTIONS) putBack.push(await functionVariable(path, 'DEPLOYED_AGAIN', randomUUID()));
      const { digest, manifest, status } = await approvalOf(request);
      expect({ digest, image: manifest?.image_id, status }).toEqual({ digest: request.digest, image, status: 'open' });
      await approve(request);
      expect(await finished(request.execution_id)).toMatchObject({ status: 'completed', digest: request.digest });
      expect(await started(request.execution_id)).toBe(1);
    } finally {
      for (const back of putBack) await back();
    }
  });

  it('is worth nothing on another image than it names: the run ends as environment_changed and never begins', async () => {
    const code = `print("${randomUUID()}")`;
    // What is deployed before and after the decision is not what was deployed at the submission.
    const request = await withVariable('api/executions', 'SANDBOX_IMAGE_ID', OTHER_IMAGE, () => waiting({ code }));
    expect((await approvalOf(request)).manifest?.image_id).toBe(OTHER_IMAGE);
    await until('sandboxes that could run it', async () => (await poolNow()).idle.length > 0);
    await approve(request);
    const result = await finished(request.execution_id);
    expect(result).toMatchObject({ status: 'failed', error: { code: 'environment_changed' }, started_at: null, output: '' });
    expect(result.error?.message).toContain('Submit it again');
    expect(await started(request.execution_id)).toBe(0);
    expect((await executionRow(request.execution_id)).sandbox_id).toBeUndefined();
    expect((await approvalOf(request)).status).toBe('approved');
    // The same code, submitted again, is another request on the image of now.
    const again = await waiting({ code });
    expect((await approvalOf(again)).manifest?.image_id).not.toBe(OTHER_IMAGE);
    expect(again.digest).not.toBe(request.digest);
    await approve(again);
    expect((await finished(again.execution_id)).status).toBe('completed');
  });
});
