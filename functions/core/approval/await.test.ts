import { describe, expect, it } from 'vitest';
import { configuration } from '../../../test/support/configuration.ts';
import { actorOf, identityOf, manifestOf, NOW, newExecutionId, queuedExecution } from '../../../test/support/entities.ts';
import { memoryApprovals } from '../../../test/support/memory/approvals.ts';
import { memoryExecutions, memoryObjects, memoryTokens } from '../../../test/support/memory/stores.ts';
import type { IdentityRecord } from '../../contracts/identity.ts';
import { approvalIdOf } from '../../contracts/ids.ts';
import { appendToChain, EMPTY_CHAIN } from '../audit/chain.ts';
import { digestOf } from '../execution/submit.ts';
import { canonicalJson } from '../text/json.ts';
import { awaitDecision } from './await.ts';
import { decide } from './decide.ts';

/** An execution whose machine asks for approval, among these people. */
async function asked(...people: IdentityRecord[]) {
  const id = newExecutionId();
  const bytes = Buffer.from(canonicalJson(manifestOf(id)));
  const parts = {
    executions: memoryExecutions(),
    approvals: memoryApprovals(),
    objects: memoryObjects(),
    tokens: memoryTokens(),
    identities: { get: async (userId: string) => people.find((person) => person.user_id === userId) ?? null },
    configuration,
    clock: { now: () => NOW },
  };
  const { queued_at: _, ...common } = queuedExecution(id);
  const row = { ...common, digest: digestOf(bytes), phase: 'awaiting_approval' as const };
  await parts.objects.put(row.manifest_key, bytes, 'application/json');
  const submitted = { action: 'submitted', actor: 'user-1', at: NOW.toISOString(), details: {} };
  await parts.executions.create(row, appendToChain(id, EMPTY_CHAIN, submitted).record, null);
  const ask = () => awaitDecision(parts, { execution_id: id, attempt: 1, task_token: 'token' });
  return { parts, ask, request: () => parts.approvals.get(approvalIdOf(id)) };
}

const approve = (digest: string) => ({ decision: 'approve' as const, digest });

describe('a request', () => {
  it('is opened once, with its rule and why, and those who may decide are asked once', async () => {
    const { ask, request, parts } = await asked(identityOf('user-1', { roles: ['developer'] }));
    expect(await ask()).toEqual({ outcome: 'waiting' });
    expect(await ask()).toEqual({ outcome: 'waiting' });
    expect(await request()).toMatchObject({
      status: 'open',
      rule: { name: 'code_execution' },
      rule_reasons: ['the rule code_execution applies: it has no condition'],
      agent_owner: null,
      task_token: 'token',
    });
    expect([...parts.approvals.notices.values()]).toMatchObject([
      { event: 'opened', asks: true, audience: { eligible: { roles: ['approver', 'admin'] }, except: [{ user_id: 'user-1' }] } },
    ]);
  });

  it('of an agent is not for the person who answers for it to decide', async () => {
    const agent = identityOf('user-1', { roles: ['developer'], owner_id: 'owner' });
    const { ask, request } = await asked(agent, identityOf('owner', { roles: ['approver'] }));
    await ask();
    const row = await request();
    expect(row?.agent_owner).toEqual({ user_id: 'owner', email: 'owner@airlock.test' });
    const decideAs = (name: string) => row && decide(row, actorOf(['approver'], name), approve(row.digest), NOW);
    expect(decideAs('owner')).toMatchObject({
      code: 'forbidden',
      detail: 'Your agent asked for this, so somebody else must decide.',
    });
    expect(decideAs('user-2')).toMatchObject({ outcome: 'changed' });
  });

  it('of an agent for which nobody answers is not opened', async () => {
    const { ask, request } = await asked(identityOf('user-1', { owner_id: 'gone' }));
    await expect(ask()).rejects.toThrow('nobody is known who answers for user-1');
    expect(await request()).toBeNull();
  });
});
