import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configuration } from '../../../test/support/configuration.ts';
import { actorOf, identityOf, NOW, newExecutionId, openApprovalOf } from '../../../test/support/entities.ts';
import { memoryApprovals } from '../../../test/support/memory/approvals.ts';
import { memoryDeliveries, memoryPreferences } from '../../../test/support/memory/notifications.ts';
import { memoryLinks } from '../../../test/support/memory/personal-links.ts';
import { noticeFor, noticeOf } from '../../../test/support/notices.ts';
import type { OpenApproval } from '../../contracts/approval.ts';
import { type Channel, DEFAULT_PREFERENCES, type Delivery } from '../../contracts/notification.ts';
import { updateApproval } from '../approval/change.ts';
import { decide } from '../approval/decide.ts';
import { appendToChain, EMPTY_CHAIN } from '../audit/chain.ts';
import type { NotificationChannels } from '../policy/notification-channels.ts';
import { sha256 } from '../text/json.ts';
import { deliver, SENDING_SECONDS } from './deliver.ts';
import { NotSent, type Outgoing, type SendResult } from './ports.ts';
import { queueNotice } from './queue.ts';

const CHANNELS: NotificationChannels = {
  email: { from_address: 'approvals@airlock.test', personal_link_hours: 72 },
  slack: { channel: '#approvals', webhook_url: null, bot_token: 'SLACK_BOT_TOKEN', signing_secret: null },
  sms: {
    numbers: [
      { number: '+12025550124', person: 'user-2@airlock.test' },
      { number: '+12025550199', person: null },
    ],
  },
  webhook: { url: { kind: 'address', address: 'https://hooks.example.com' }, secret: 'WEBHOOK_SECRET' },
};
const EMAIL_ONLY: NotificationChannels = { ...CHANNELS, slack: null, sms: null, webhook: null };

const SENT: SendResult = { outcome: 'sent', reference: 'ref-1' };
const BUSY: SendResult = { outcome: 'refused', reason: 'busy', isFinal: false };
const LATER: SendResult = { ...BUSY, reason: 'too many', isBusy: true };
const NEVER: SendResult = { outcome: 'refused', reason: 'no such address', isFinal: true };
const OFF = { outcome: 'off', reason: 'The secret of the channel is not there.' } as const;
const SILENT: SendResult = { outcome: 'unknown', reason: 'timed out' };

/** A request that asks everybody with the role approver, and channels that answer what the test says; without a word they send. */
async function house(channels = CHANNELS, more: { people?: ReturnType<typeof identityOf>[]; team?: string } = {}) {
  const approvals = memoryApprovals();
  const deliveries = memoryDeliveries();
  const preferences = memoryPreferences();
  const links = memoryLinks();
  const request = { ...openApprovalOf(newExecutionId()), team: more.team ?? null };
  const opened = { action: 'opened', actor: 'user-1', at: NOW.toISOString(), details: {} };
  await approvals.create(request, appendToChain(request.approval_id, EMPTY_CHAIN, opened).record);
  const people = more.people ?? [identityOf('user-2', { roles: ['approver'] })];
  let minutes = 0;
  const now = () => new Date(NOW.getTime() + minutes * 60_000);
  const sent: Outgoing[] = [];
  const answers: Partial<Record<Channel, (SendResult | Error)[]>> = {};
  const senderOf = (channel: Channel) => ({
    async send(outgoing: Outgoing): Promise<SendResult> {
      sent.push(outgoing);
      const answer = answers[channel]?.shift() ?? SENT;
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  const senders = { email: senderOf('email'), slack: senderOf('slack'), sms: senderOf('sms'), webhook: senderOf('webhook') };
  const parts = {
    deliveries,
    preferences,
    everybody: async () => people,
    identities: { get: async (id: string) => people.find((person) => person.user_id === id) ?? null },
    granted: configuration.security.authorization.roles,
    channels,
    approvals,
    senders,
    publicUrl: 'https://airlock.example.com',
    personalLinks: { links, random: () => randomBytes(32).toString('base64url'), hours: 72 },
    clock: { now },
  };
  /** One pass of the clock: whatever is due, and what that brings about. */
  const pass = async () => {
    for (const row of await deliveries.listDue(now(), 100)) await deliver(parts, row.delivery_id);
  };
  return {
    ...parts,
    links,
    request,
    sent,
    answers,
    pass,
    wait: (more: number) => {
      minutes += more;
    },
    queue: (notice = noticeOf(request, 1)) => queueNotice(parts, notice, now()),
    rows: (): Delivery[] => [...deliveries.rows.values()],
    statuses: () => [...deliveries.rows.values()].map((row) => `${row.channel} ${row.status}`).sort(),
    channelsUsed: () => sent.map((outgoing) => outgoing.delivery.channel),
    deny: (as: OpenApproval = request) =>
      updateApproval(approvals, as.approval_id, now(), (row) => {
        const outcome = decide(row, actorOf(['approver'], 'user-2'), { decision: 'deny', digest: row.digest }, now());
        return outcome.outcome === 'changed' ? outcome : null;
      }),
  };
}

describe('who is told', () => {
  it('is everybody whom the notice concerns now: no one disabled, no one excepted, no one else', async () => {
    const people = [
      identityOf('user-2', { roles: ['approver'] }),
      identityOf('gone', { roles: ['approver'], disabled: true }),
      identityOf('user-1', { roles: ['approver'] }),
      identityOf('reader', { roles: ['viewer'] }),
    ];
    const { queue, request } = await house(EMAIL_ONLY, { people });
    const notice = noticeOf(request, 1);
    const told = await queue({ ...notice, audience: { ...notice.audience, except: [request.requester] } });
    expect(told.map((row) => row.recipient)).toEqual([{ kind: 'person', user_id: 'user-2', email: 'user-2@airlock.test' }]);
  });

  it('is nobody where the lists are empty', async () => {
    const { queue, request } = await house(EMAIL_ONLY);
    const audience = { eligible: { roles: [], groups: [], people: [] }, people: [], except: [] };
    expect(await queue(noticeOf(request, 1, { audience }))).toEqual([]);
  });

  it('is nobody of another team by a role alone, nobody who may not decide, and whoever is asked as one of a group or by name', async () => {
    const people = [
      identityOf('of the team', { roles: ['approver'], teams: ['data'] }),
      identityOf('of another team', { roles: ['approver'], teams: ['sales'] }),
      identityOf('of the group', { roles: ['approver'], teams: ['security'] }),
      identityOf('by name', { roles: ['approver'] }),
      identityOf('may not decide', { roles: ['developer'], teams: ['data', 'security'] }),
      identityOf('reaches all teams', { roles: ['admin', 'approver'] }),
    ];
    const { queue, request } = await house(EMAIL_ONLY, { people, team: 'data' });
    const eligible = { roles: ['approver'], groups: ['security'], people: ['by name@airlock.test'] };
    for (const [sequence, asks] of [true, false].entries()) {
      const told = await queue(noticeOf(request, sequence + 1, { asks, audience: { eligible, people: [], except: [] } }));
      expect(told.map((row) => row.recipient.kind === 'person' && row.recipient.user_id)).toEqual([
        'of the team',
        'of the group',
        'by name',
        'reaches all teams',
      ]);
    }
  });

  it('by the first channel the person wants and has, with the others to fall back on', async () => {
    const { queue, preferences } = await house();
    await preferences.put('user-2', { ...DEFAULT_PREFERENCES, channels: ['sms', 'email'] });
    const [mine] = (await queue()).filter((row) => row.recipient.kind === 'person');
    expect(mine).toMatchObject({ channel: 'sms', fall_backs: ['email'] });
  });

  it('on every channel at once where nobody decided in time, and whoever is on duty as well', async () => {
    const { queue, request } = await house();
    const told = await queue(noticeOf(request, 2, { event: 'escalated' }));
    expect(told.map((row) => `${row.recipient.kind} ${row.channel}`).sort()).toEqual([
      'person email',
      'person slack',
      'person sms',
      'place slack',
      'place sms',
      'place webhook',
    ]);
  });

  it('later where hours are quiet, and not of outcomes where they are not wanted', async () => {
    const { queue, preferences, request, pass, sent, wait } = await house(EMAIL_ONLY);
    await preferences.put('user-2', {
      channels: ['email'],
      tell_outcomes: false,
      quiet_hours: { from: '09:00', until: '11:00', time_zone: 'UTC' },
    });
    expect(await queue()).toMatchObject([{ due_at: '2026-11-23T11:00:00.000Z' }]);
    await pass();
    expect(sent).toEqual([]);
    wait(60);
    await pass();
    expect(sent).toHaveLength(1);
    expect(await queue(noticeOf(request, 3, { event: 'denied', asks: false }))).toEqual([]);
  });

  it('once, however often the notice comes', async () => {
    const { queue, rows } = await house();
    const [first, ...others] = await Promise.all(Array.from({ length: 5 }, () => queue()));
    expect([first, ...others].flatMap((queued) => queued ?? [])).toHaveLength(rows().length);
    expect(rows()).toHaveLength(3);
  });
});

describe('a message', () => {
  it('is sent once, however many send at the same moment', async () => {
    const { queue, pass, sent, statuses } = await house(EMAIL_ONLY);
    await queue();
    await Promise.all(Array.from({ length: 8 }, pass));
    await pass();
    expect(sent).toHaveLength(1);
    expect(statuses()).toEqual(['email sent']);
  });

  it('that was refused is tried again after longer and longer pauses, then another channel takes over', async () => {
    const { queue, pass, wait, answers, channelsUsed, statuses, rows } = await house({ ...CHANNELS, slack: null, webhook: null });
    answers.email = [BUSY, BUSY, BUSY, BUSY];
    await queue();
    await pass();
    for (const minutes of [0.49, 0.01, 0.99, 0.01, 1.99, 0.01]) {
      wait(minutes);
      await pass();
    }
    expect(channelsUsed()).toEqual(['email', 'email', 'email', 'email']);
    await pass();
    expect(channelsUsed().at(-1)).toBe('sms');
    expect(statuses()).toEqual(['email failed', 'sms sent']);
    const [failed, next] = rows();
    expect(failed).toMatchObject({ attempts: 4, last_error: 'busy', followed_by: next?.delivery_id });
  });

  it('that many others keep from its only channel comes later, for an hour or so', async () => {
    const { queue, pass, wait, answers, request, rows, statuses } = await house(EMAIL_ONLY);
    answers.email = Array.from({ length: 12 }, () => LATER);
    await queue();
    const minutes = async (count: number) => {
      for (let passed = 0; passed < count; passed += 1) {
        await pass();
        wait(1);
      }
    };
    await minutes(25);
    expect(rows()).toMatchObject([{ status: 'sent', attempts: 13 }]);
    answers.email = Array.from({ length: 100 }, () => LATER);
    await queue(noticeOf(request, 2));
    await minutes(50);
    expect(statuses()).toEqual(['email queued', 'email sent']);
    await minutes(25);
    expect(statuses()).toEqual(['email dead', 'email sent']);
  });

  it('that many others keep from one channel goes by another after as many tries as any', async () => {
    const { queue, pass, wait, answers, statuses } = await house({ ...CHANNELS, slack: null, webhook: null });
    answers.email = Array.from({ length: 12 }, () => LATER);
    await queue();
    for (let minutes = 0; minutes < 6; minutes += 1) {
      await pass();
      wait(1);
    }
    expect(statuses()).toEqual(['email failed', 'sms sent']);
  });

  it('waits as long as the channel asks for, within reason', async () => {
    const { queue, pass, rows, answers } = await house(EMAIL_ONLY);
    answers.email = [{ ...BUSY, retryAfterSeconds: 300 } as SendResult];
    await queue();
    await pass();
    expect(rows()).toMatchObject([{ status: 'queued', due_at: '2026-11-23T10:05:00.000Z' }]);
  });

  it('that can never arrive is not tried twice', async () => {
    const { queue, pass, answers, statuses } = await house(EMAIL_ONLY);
    answers.email = [NEVER];
    await queue();
    await pass();
    expect(statuses()).toEqual(['email dead']);
  });

  it.each([
    ['nothing was heard', SILENT],
    ['the sender broke', new TypeError('fetch failed')],
  ])('of which %s is not sent twice: another channel takes over', async (_, answer) => {
    const { queue, pass, wait, answers, channelsUsed, statuses } = await house({ ...CHANNELS, slack: null, webhook: null });
    answers.email = [answer];
    await queue();
    for (let passes = 0; passes < 5; passes += 1) {
      await pass();
      wait(5);
    }
    expect(channelsUsed()).toEqual(['email', 'sms']);
    expect(statuses()).toEqual(['email failed', 'sms sent']);
  });

  it('whose sender died is not sent twice either; a webhook is, under the same id', async () => {
    const { queue, pass, wait, deliveries, rows, channelsUsed } = await house({ ...CHANNELS, slack: null });
    await queue();
    for (const row of rows()) {
      const due_at = new Date(NOW.getTime() + SENDING_SECONDS * 1000).toISOString();
      await deliveries.save(row, { ...row, status: 'sending', attempts: 1, due_at } as Delivery);
    }
    await pass();
    expect(channelsUsed()).toEqual([]);
    wait(SENDING_SECONDS / 60);
    await pass();
    await pass();
    expect(channelsUsed().sort()).toEqual(['sms', 'webhook']);
  });

  it('that asks is dropped once the request is decided', async () => {
    const { queue, pass, deny, sent, statuses } = await house(EMAIL_ONLY);
    await queue();
    await deny();
    await pass();
    expect([sent.length, statuses()]).toEqual([0, ['email dropped']]);
  });

  it('goes to the address that somebody has when it is sent, and to nobody who was disabled or forgotten meanwhile', async () => {
    const people = ['moved', 'disabled', 'forgotten', 'stays'].map((name) => identityOf(name, { roles: ['approver'] }));
    const { queue, pass, sent, rows } = await house(EMAIL_ONLY, { people });
    await queue();
    const [moved, disabled] = people;
    if (!moved || !disabled) throw new Error('they were asked');
    people.splice(0, 3, { ...moved, email: 'new@airlock.test' }, { ...disabled, disabled: true });
    await pass();
    expect(sent.map(({ delivery }) => delivery.recipient)).toEqual([
      { kind: 'person', user_id: 'moved', email: 'new@airlock.test' },
      { kind: 'person', user_id: 'stays', email: 'stays@airlock.test' },
    ]);
    const ends = rows().map((row) => [row.recipient.kind === 'person' && row.recipient.user_id, row.status, row.last_error]);
    expect(ends).toEqual([
      ['moved', 'sent', null],
      ['disabled', 'dropped', 'They are no user any more.'],
      ['forgotten', 'dropped', 'They are no user any more.'],
      ['stays', 'sent', null],
    ]);
  });

  it('is tried again by the same channel where what it is about could not be read, since nothing was sent', async () => {
    const home = await house(EMAIL_ONLY);
    await home.queue();
    const [row] = home.rows();
    const fault = async () => {
      throw new Error('throttled');
    };
    for (const broken of [{ approvals: { get: fault } }, { identities: { get: fault } }]) {
      const { outcome } = await deliver({ ...home, ...broken }, row?.delivery_id ?? '');
      expect([outcome, home.sent.length]).toEqual(['queued', 0]);
      home.wait(1);
    }
    await home.pass();
    expect([home.statuses(), home.sent.length]).toEqual([['email sent'], 1]);
  });

  it('of a channel that is not set up falls back at once', async () => {
    const { queue, senders, channels, deliveries, approvals, clock, identities, rows, statuses, publicUrl, personalLinks } =
      await house({
        ...CHANNELS,
        slack: null,
        webhook: null,
      });
    await queue();
    const { email: _, ...others } = senders;
    for (let passes = 0; passes < 2; passes += 1)
      for (const row of await deliveries.listDue(clock.now(), 10))
        await deliver({ deliveries, approvals, identities, senders: others, publicUrl, personalLinks, clock }, row.delivery_id);
    expect(channels.email).not.toBeNull();
    expect(statuses()).toEqual(['email failed', 'sms sent']);
    expect(rows()[0]?.last_error).toBe('The channel email is not set up.');
  });

  it('of a channel that nobody set up is no dead letter to a room, and is one to a person who is told by nothing else', async () => {
    const { queue, answers, pass, preferences, rows, statuses } = await house({ ...CHANNELS, sms: null, webhook: null });
    await preferences.put('user-2', { ...DEFAULT_PREFERENCES, channels: ['slack'] });
    answers.slack = [OFF, OFF];
    await queue();
    await pass();
    expect(statuses()).toEqual(['slack dead', 'slack dropped']);
    expect(rows().find((row) => row.status === 'dead')?.recipient.kind).toBe('person');
    expect(rows().map((row) => row.last_error)).toEqual([OFF.reason, OFF.reason]);
  });

  it('that is urgent, and so went out by all others as well, is no dead letter where one channel is not set up', async () => {
    const { queue, answers, pass, request, statuses } = await house({ ...CHANNELS, sms: null, webhook: null });
    answers.slack = [OFF, OFF];
    await queue(noticeOf(request, 1, { event: 'escalated' }));
    await pass();
    expect(statuses()).toEqual(['email sent', 'slack dropped', 'slack dropped']);
  });

  it('is tried again where the secret could not be read, since nothing was sent', async () => {
    const { queue, answers, pass, wait, statuses, sent } = await house(EMAIL_ONLY);
    answers.email = [new NotSent('The secret could not be read.')];
    await queue();
    await pass();
    expect(statuses()).toEqual(['email queued']);
    wait(1);
    await pass();
    expect([statuses(), sent.length]).toEqual([['email sent'], 2]);
  });
});

describe('messages that were sent already', () => {
  it('are changed once the request is decided, each by the name its channel gave it', async () => {
    const { queue, pass, deny, request, sent, statuses } = await house({ ...CHANNELS, email: null, sms: null, webhook: null });
    await queue();
    await pass();
    expect(statuses()).toEqual(['slack sent', 'slack sent']);
    await deny();
    await queue(noticeFor(request, 2, 'denied', false));
    await pass();
    const changes = sent.filter((outgoing) => outgoing.reference !== null);
    expect(changes.map(({ reference, approval }) => [reference, approval.status])).toEqual([
      ['ref-1', 'denied'],
      ['ref-1', 'denied'],
    ]);
  });

  it('go on asking whoever has not decided while more decisions are wanted, and stop where the next stage begins', async () => {
    const people = ['user-2', 'user-3'].map((name) => identityOf(name, { roles: ['approver'] }));
    const slackOnly = { ...CHANNELS, email: null, sms: null, webhook: null };
    const { queue, request, pass, rows } = await house(slackOnly, { people });
    const nameOf = ({ recipient }: Delivery) => (recipient.kind === 'person' ? recipient.user_id : recipient.name);
    /** Which messages are to be changed, and of these, which still ask. */
    const changesOf = (queued: readonly Delivery[]) => {
      const changes = queued.filter((row) => row.updates !== null);
      const changed = (row: Delivery) => rows().find((one) => one.delivery_id === row.updates)?.event;
      const named = (all: readonly Delivery[]) => all.map((row) => `${changed(row)} ${nameOf(row)}`).sort();
      return { all: named(changes), asking: named(changes.filter((row) => row.asks)) };
    };
    await queue();
    await pass();
    const { audience } = noticeOf(request, 2);
    const acted = { ...audience, except: [{ user_id: 'user-2', email: 'user-2@airlock.test' }] };
    expect(changesOf(await queue(noticeOf(request, 2, { event: 'decided', asks: false, audience: acted })))).toEqual({
      all: ['opened #approvals', 'opened user-2', 'opened user-3'],
      asking: ['opened #approvals', 'opened user-3'],
    });
    await pass();
    expect(changesOf(await queue(noticeOf(request, 3, { event: 'stage_started' })))).toEqual({
      all: ['decided user-3', 'opened #approvals', 'opened user-2', 'opened user-3'],
      asking: [],
    });
    await pass();
    // Of two messages to somebody the newer one asks.
    const again = changesOf(await queue(noticeOf(request, 4, { event: 'decided', asks: false, audience: acted })));
    expect(again.asking).toEqual(['stage_started #approvals', 'stage_started user-3']);
  });

  it('are changed though they were on their way while it was decided', async () => {
    const home = await house({ ...CHANNELS, email: null, sms: null, webhook: null }, { people: [] });
    await home.queue();
    const [row] = home.rows();
    if (row?.status !== 'queued') throw new Error('it waits');
    const sending: Delivery = { ...row, status: 'sending', attempts: 1 };
    await home.deliveries.save(row, { ...sending, due_at: new Date(NOW.getTime() + 90_000).toISOString() } as Delivery);
    await home.deny();
    await home.queue(noticeFor(home.request, 2, 'denied', false));
    await home.pass();
    expect(home.sent).toEqual([]);
    const { due_at: _, ...rest } = sending as Extract<Delivery, { status: 'sending' }>;
    await home.deliveries.save(sending, { ...rest, status: 'sent', ended_at: NOW.toISOString(), reference: 'late' });
    home.wait(1);
    await home.pass();
    expect(home.sent.map(({ reference }) => reference)).toEqual(['late']);
  });
});

describe('whatever channels answer and whoever dies when', () => {
  const answer = fc.constantFrom<SendResult | Error>(SENT, BUSY, NEVER, SILENT, new Error('broke'));
  it('nobody gets one message twice by one channel, and every message ends', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(answer, { maxLength: 8 }), fc.array(answer, { maxLength: 8 }), async (email, sms) => {
        const { queue, pass, wait, answers, sent, rows } = await house({ ...CHANNELS, slack: null, webhook: null });
        answers.email = [...email];
        answers.sms = [...sms];
        const heard = { email: 0, sms: 0 };
        // What may have arrived counts as arrived.
        const arrives = (one: SendResult | Error | undefined) =>
          one === undefined || one instanceof Error || one.outcome !== 'refused';
        await queue();
        for (let passes = 0; passes < 30; passes += 1) {
          await Promise.all([pass(), pass()]);
          wait(1);
        }
        for (const channel of ['email', 'sms'] as const) {
          const tries = sent.filter((outgoing) => outgoing.delivery.channel === channel).length;
          heard[channel] = Array.from({ length: tries }, (_, index) => ({ email, sms })[channel][index]).filter(arrives).length;
          expect(heard[channel]).toBeLessThanOrEqual(1);
        }
        for (const row of rows()) expect(['sent', 'failed', 'dead']).toContain(row.status);
      }),
      { numRuns: 100 },
    );
  });
});

describe('a personal link', () => {
  it('is in the mail to whoever is asked to decide, and of no other kind of message', async () => {
    const { queue, pass, request, links, sent } = await house();
    await queue(noticeOf(request, 1, { event: 'escalated' }));
    await pass();
    const plain = `https://airlock.example.com/approvals/${request.approval_id}`;
    const personal = sent.filter(({ message }) => message.isPersonal);
    expect(personal.map(({ delivery }) => [delivery.channel, delivery.recipient])).toEqual([
      ['email', { kind: 'person', user_id: 'user-2', email: 'user-2@airlock.test' }],
    ]);
    const token = /^(.*)\/link\?token=([A-Za-z0-9_-]{43})$/.exec(personal[0]?.message.link ?? '');
    expect(token?.[1]).toBe(plain);
    expect(links.rows.get(sha256(token?.[2] ?? ''))).toMatchObject({
      approval_id: request.approval_id,
      user_id: 'user-2',
      digests: [request.digest],
      channel: 'email',
    });
    const others = sent.filter(({ message }) => !message.isPersonal);
    expect(new Set(others.map(({ delivery }) => delivery.channel))).toEqual(new Set(['slack', 'sms', 'webhook']));
    expect(new Set(others.map(({ message }) => message.link))).toEqual(new Set([plain]));
  });

  it('is in no mail that only tells, and nowhere where nobody said under which address people see us', async () => {
    const telling = await house(EMAIL_ONLY);
    await telling.queue(noticeOf(telling.request, 1, { event: 'decided', asks: false }));
    await telling.pass();
    const unnamed = await house(EMAIL_ONLY);
    for (const row of await unnamed.queue()) await deliver({ ...unnamed, publicUrl: null }, row.delivery_id);
    for (const { sent, links } of [telling, unnamed]) {
      expect(sent.map(({ message }) => message.isPersonal)).toEqual([false]);
      expect(links.rows.size).toBe(0);
    }
  });

  it('that cannot be written down is tried again, and nothing is sent meanwhile', async () => {
    const { deliveries, approvals, identities, senders, publicUrl, clock, queue, rows, sent } = await house(EMAIL_ONLY);
    const links = { create: () => Promise.reject(new Error('throttled')) };
    for (const row of await queue()) {
      const personalLinks = { links, random: () => 't'.repeat(43), hours: 1 };
      await deliver({ deliveries, approvals, identities, senders, publicUrl, personalLinks, clock }, row.delivery_id);
    }
    expect(rows()).toMatchObject([
      { status: 'queued', attempts: 1, last_error: 'The link of the message could not be written down.' },
    ]);
    expect(sent).toEqual([]);
  });
});
