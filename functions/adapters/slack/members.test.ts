import { afterAll, expect, it } from 'vitest';
import { startSlack } from '../../../test/support/slack.ts';
import { addressOfMember } from './members.ts';

const slack = await startSlack({ 'user-2@airlock.test': 'U0000000002' }, { 'boss@airlock.test': 'U0000000009' });
afterAll(slack.stop);
const connection = { apiUrl: slack.apiUrl, token: slack.token };
const answers = (user: object) => [
  { status: 200, body: JSON.stringify({ ok: true, team_id: 'T0' }) },
  { status: 200, body: JSON.stringify({ ok: true, user }) },
];
const MEMBER = {
  ...{ id: 'U0000000002', team_id: 'T0', deleted: false, is_bot: false, is_restricted: false, is_ultra_restricted: false },
  profile: { email: 'user-2@airlock.test' },
};

it('a member is who our own workspace says', async () => {
  expect(await addressOfMember(connection, 'U0000000002')).toBe('user-2@airlock.test');
});

it.each([
  ['of another workspace, whatever address it gives them', 'U0000000009', connection],
  ['who is not there', 'U0000000404', connection],
  ['where Slack does not know us', 'U0000000002', { ...connection, token: 'xoxb-other' }],
])('nobody is a member %s', async (_, id, from) => {
  expect(await addressOfMember(from, id)).toBeNull();
});

it.each([
  ['a guest', { is_restricted: true }],
  ['a guest of one channel', { is_ultra_restricted: true }],
  ['a stranger in a shared channel', { is_stranger: true }],
  ['a bot', { is_bot: true }],
  ['gone', { deleted: true }],
  ['not sure of their address', { is_email_confirmed: false }],
  ['without an address', { profile: {} }],
  ['somebody else', { id: 'U0000000003' }],
  ['of no known kind', { is_restricted: undefined }],
])('whoever is %s is nobody', async (_, more) => {
  slack.faults.push(...answers(MEMBER));
  expect(await addressOfMember(connection, 'U0000000002')).toBe('user-2@airlock.test');
  slack.faults.push(...answers({ ...MEMBER, ...more }));
  expect(await addressOfMember(connection, 'U0000000002')).toBeNull();
});
