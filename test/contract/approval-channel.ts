/** What holds of a decision over every channel on which one decides. Needs a running instance. */
import { createHash, randomUUID } from 'node:crypto';
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { describe, expect, it } from 'vitest';
import type { ExecutionResult } from '../../functions/contracts/execution.ts';
import { approvalOf, as, finished, get, until } from '../support/airlock.ts';
import { api, approver, type Channel, page, rewrite, seeded } from '../support/approval-channels.ts';
import { output, tables } from '../support/faults.ts';
import { somebody } from '../support/people.ts';
import { type Waiting, waiting } from '../support/waiting.ts';

const fresh = () => ({ code: `print("${randomUUID()}")` });

function refused(answer: number | 'refused', ...statuses: number[]): void {
  expect([...statuses, 'refused']).toContain(answer);
}

export const stillOpen = async (request: Waiting): Promise<void> => {
  expect(await approvalOf(request)).toMatchObject({ status: 'open', decisions: [] });
  expect(await get(request.execution_id)).toMatchObject({ phase: 'awaiting_approval', started_at: null });
};

export function approvalChannelContract(channel: Channel): void {
  describe(`over ${channel.name}`, () => {
    it('a decision is about this digest: not that of the same code with another variable, argument, file or limit', async () => {
      const code = `print("${randomUUID()}")`;
      const request = await waiting({ code });
      const others = await Promise.all(
        [{ env: { A: '1' } }, { args: ['x'] }, { files: [{ path: 'a.txt', content: 'a' }] }, { timeout_seconds: 7 }].map((more) =>
          waiting({ code, ...more }),
        ),
      );
      const digests = others.map((other) => other.digest);
      expect(new Set([request.digest, ...digests]).size).toBe(5);
      const by = await seeded('approver');
      for (const digest of [...digests, createHash('sha256').update('x').digest('hex'), request.digest.toUpperCase(), ''])
        refused(await channel.decide(by, request, { digest }), 409, 422);
      await stillOpen(request);
    });

    it('nobody decides who may not: not the requester, not a reader, not whoever only runs code, not an admin whom no list names', async () => {
      const request = await waiting(fresh());
      refused(await channel.decide(await seeded('developer'), request), 403);
      refused(await channel.decide(await seeded('viewer'), request), 403, 404);
      const both = await approver(['developer', 'approver']);
      const own = await both.client.call<ExecutionResult>('POST', '/api/v1/execute', {
        language: 'python',
        code: 'print(1)',
        approval_required: true,
      });
      const mine: Waiting = { ...own.body, path: `/approvals/${own.body.approval_id}` };
      await until('the request', async () => (await both.client.call('GET', `/api/v1${mine.path}`)).status === 200);
      refused(await channel.decide(both, mine), 403, 409);
      // A list left empty is nobody, and `*` names routes, not deciders.
      const listed = await Promise.all([seeded('admin'), seeded('approver')]);
      for (const by of listed) await channel.open(by, request);
      const { rule } = await approvalOf(request);
      await rewrite(request, 'rule', {
        ...rule,
        stages: [{ ...rule.stages[0], eligible: { roles: [], groups: [], people: [] } }],
        escalation_chain: [],
      });
      for (const by of listed) refused(await channel.decide(by, request), 403);
      await stillOpen(request);
    });

    it('nobody is counted twice: over two channels, or with two accounts of one address', async () => {
      const request = await waiting(fresh());
      const { rule } = await approvalOf(request);
      await rewrite(request, 'rule', { ...rule, stages: [{ ...rule.stages[0], required_approvers: 2 }] });
      const by = await approver();
      for (const each of [channel, page, page]) await each.open(by, request);
      expect(await channel.decide(by, request)).toBe(200);
      for (const again of new Set([channel, api, page])) refused(await again.decide(by, request), 409);
      // The same person under another id: what their row says of the address is what counts.
      const twin = await somebody('approver');
      const email = by.email.toUpperCase();
      await tables.send(
        new UpdateCommand({
          TableName: output('IdentityTableName'),
          Key: { identity_id: `user#${twin.user_id}` },
          UpdateExpression: 'SET email = :email',
          ExpressionAttributeValues: { ':email': email },
        }),
      );
      expect(await api.decide({ ...twin, client: twin, cookie: '' }, request)).toBe(409);
      expect((await approvalOf(request)).decisions).toHaveLength(1);
      expect(await channel.decide(await approver(), request)).toBe(200);
      expect((await approvalOf(request)).status).toBe('approved');
      expect((await finished(request.execution_id)).status).toBe('completed');
    });

    it('nothing is decided after the end of it: expired, withdrawn, denied, or by whoever is no longer eligible', async () => {
      const by = await seeded('approver');
      const expired = await waiting(fresh());
      await channel.open(by, expired);
      await rewrite(expired, 'expires_at', new Date(Date.now() - 1000).toISOString());
      refused(await channel.decide(by, expired), 409);
      const withdrawn = await waiting(fresh());
      await channel.open(by, withdrawn);
      await (await as('developer')).call('POST', `/api/v1${withdrawn.path}/withdraw`, {});
      refused(await channel.decide(by, withdrawn), 409);
      const denied = await waiting(fresh());
      const late = await seeded('admin');
      await channel.open(late, denied);
      expect(await channel.decide(by, denied, { decision: 'deny' })).toBe(200);
      refused(await channel.decide(late, denied), 409);
      for (const request of [expired, withdrawn, denied]) {
        const view = await approvalOf(request);
        expect(view.status).not.toBe('approved');
      }
      const leaving = await approver();
      const request = await waiting(fresh());
      await (await as('admin')).call('PATCH', `/api/v1/users/${leaving.client.user_id}`, {
        disabled: true,
        reason: 'left',
      });
      refused(await channel.decide(leaving, request), 401, 403);
      await stillOpen(request);
    });

    it('of several who decide in the same moment each is counted once, and the run begins once', async () => {
      const people = await Promise.all([approver(), approver(), approver()]);
      const request = await waiting({ code: 'print("once")' });
      for (const by of people) await channel.open(by, request);
      const statuses = await Promise.all(people.map((by) => channel.decide(by, request)));
      expect(statuses.filter((status) => status === 200)).toHaveLength(1);
      expect((await approvalOf(request)).decisions).toHaveLength(1);
      const result = await finished(request.execution_id);
      expect(result).toMatchObject({ status: 'completed', output: 'once\n' });
      expect(result.audit_trail.filter((entry) => entry.action === 'run_started')).toHaveLength(1);
    });
  });
}
