import { expect, it } from 'vitest';
import { actorOf, NOW, newExecutionId, openApprovalOf } from '../../../test/support/entities.ts';
import { LIVE_FRAME_MAX_BYTES, serverFrame } from '../../contracts/live.ts';
import type { Actor } from '../identity/actor.ts';
import { type TellParts, tellOfApproval } from './approvals.ts';

/** Followers by the name of their connection. */
function world(followers: Record<string, Actor | null | 'fault'>, gone: readonly string[] = []) {
  const told: Record<string, ReturnType<typeof serverFrame.parse>> = {};
  const failed: string[] = [];
  const forgotten: string[] = [];
  const parts: TellParts = {
    store: {
      subscribers: async (topic) =>
        topic === 'approvals' ? Object.keys(followers).map((connection_id) => ({ connection_id, cursor: 0 })) : [],
      disconnect: async (name) => void forgotten.push(name),
    },
    holderOf: async (name) => {
      const holder = followers[name];
      if (holder === 'fault') throw new Error('the table did not answer');
      return holder ?? null;
    },
    post: async (name, text) => {
      expect(Buffer.byteLength(text)).toBeLessThan(LIVE_FRAME_MAX_BYTES);
      if (gone.includes(name)) return 'gone';
      told[name] = serverFrame.parse(JSON.parse(text));
      return 'sent';
    },
    onFailure: (name) => failed.push(name),
  };
  return { parts, told, failed, forgotten };
}

const request = { ...openApprovalOf(), team: 'data', audit_length: 7 };

it('tells of a request exactly those who may see it, and each whether it waits for them', async () => {
  const { parts, told } = world({
    requester: actorOf(['developer'], 'user-1'),
    approver: actorOf(['approver'], 'user-2', { teams: ['data'] }),
    'approver of another team': actorOf(['approver'], 'user-3', { teams: ['sales'] }),
    'another developer': actorOf(['developer'], 'user-4', { teams: ['data'] }),
    'somebody whose rights are gone': null,
    'somebody who may do nothing': actorOf([], 'user-1'),
  });
  expect(await tellOfApproval(parts, request, NOW)).toBe(2);
  expect(told).toMatchObject({
    requester: { type: 'approval', topic: 'approvals', change: 7, waits_for_you: false },
    approver: { waits_for_you: true, approval: { approval_id: request.approval_id, status: 'open', digest: request.digest } },
  });
});

it('never waits for anybody once it is closed', async () => {
  const { parts, told } = world({ approver: actorOf(['approver'], 'user-2', { teams: ['data'] }) });
  await tellOfApproval(parts, { ...request, status: 'denied', closed_at: NOW.toISOString() }, NOW);
  expect(told).toMatchObject({ approver: { waits_for_you: false, approval: { status: 'denied' } } });
});

it('tells the others when one cannot be told, and forgets who is gone', async () => {
  const approver = actorOf(['approver'], 'user-2', { teams: ['data'] });
  const many = Object.fromEntries(Array.from({ length: 45 }, (_, index) => [`c${index}`, approver]));
  const { parts, told, failed, forgotten } = world({ broken: 'fault', left: approver, ...many }, ['left']);
  expect(await tellOfApproval(parts, request, NOW)).toBe(45);
  expect(Object.keys(told)).toHaveLength(45);
  expect([failed, forgotten]).toEqual([['broken'], ['left']]);
});

it('stays below a frame, however many may decide', async () => {
  const people = Array.from({ length: 2000 }, (_, index) => `person-${index}@example.org`);
  const stages = [{ name: 'all', required_approvers: 1, eligible: { roles: [], groups: [], people } }];
  const { parts } = world({ requester: actorOf(['developer'], 'user-1') });
  expect(await tellOfApproval(parts, openApprovalOf(newExecutionId(), { stages }), NOW)).toBe(1);
});
