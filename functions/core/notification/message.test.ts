import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openApprovalOf, ruleOf } from '../../../test/support/entities.ts';
import type { Approval, OpenApproval } from '../../contracts/approval.ts';
import type { ApprovalRule } from '../../contracts/approval-rule.ts';
import { emailOf } from './email.ts';
import { messageOf } from './message.ts';
import { shown } from './shown.ts';
import { slackMessageOf } from './slack.ts';
import { smsOf } from './sms.ts';

const URL = 'https://airlock.example.com';
const ASKED = { event: 'opened', asks: true } as const;
const HOSTILE = '<img src=x onerror=alert(1)>"\'&</td></table><script>x</script>';

const request = (more: Partial<OpenApproval> = {}): OpenApproval => ({ ...openApprovalOf(), ...more });
const closed = (status: 'denied' | 'expired'): Approval => ({ ...request(), status, closed_at: '2026-11-23T10:05:00.000Z' });
const withText = (text: string) =>
  request({
    summary: text,
    justification: text,
    requester: { user_id: 'user-1', email: text },
    risk: { level: 'low', factors: [text] },
  });

describe('text of others', () => {
  it('has nothing hidden: what turns or hides text is shown by its code', () => {
    expect(shown('safe\u202Egnp.exe\u200B', 100)).toBe('safe⟦U+202E⟧gnp.exe⟦U+200B⟧');
    expect(shown('\x1b[31mred', 100)).toContain('⟦U+001B⟧');
    expect(shown('pаypal', 100)).toBe('p⟦U+0430⟧ypal');
  });

  it('stays on its line, and is said to be cut where it is', () => {
    expect(shown('one\ntwo\r\nthree', 100)).toBe('one ⏎ two ⏎ three');
    expect(shown('x'.repeat(500), 10)).toBe(`${'x'.repeat(10)}… (cut: 10 of 500 characters)`);
    expect(shown('😀'.repeat(3), 3)).toBe('😀😀😀');
  });

  it('makes no links', () => {
    expect(shown('https://evil.example javascript:x www.evil.example', 200)).toBe(
      'https[:]//evil.example javascript[:]x www[.]evil.example',
    );
  });
});

describe('an e-mail', () => {
  it('has one link, to the request, whatever others wrote', () => {
    const email = emailOf(messageOf(ASKED, withText(`${HOSTILE} https://evil.example`), URL));
    expect([...email.html.matchAll(/href="([^"]*)"/g)].map(([, href]) => href)).toEqual([
      expect.stringMatching(/^https:\/\/airlock\.example\.com\/approvals\/apr_[0-9a-f-]+$/),
    ]);
    expect(email.text.match(/https?:\/\//g)).toHaveLength(1);
    expect(email.html).not.toMatch(/<form|<script|<img|onerror=alert\(1\)>"/);
    expect(email.html).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;');
  });

  it('says of a personal link that it is the reader’s alone, and of the way to the request nothing of the kind', () => {
    const personal = emailOf(messageOf(ASKED, request(), URL, 't'.repeat(43)));
    const plain = emailOf(messageOf(ASKED, request(), URL));
    for (const part of ['text', 'html'] as const) {
      expect(personal[part].match(/\/link\?token=t{43}\b/g)).toHaveLength(1);
      expect(personal[part]).toContain('do not forward this mail');
      expect(plain[part]).not.toMatch(/token=|forward/);
    }
  });

  it('has the same elements for every text', () => {
    const elements = (page: string) => [...page.matchAll(/<\/?[a-z][a-z0-9]*/g)].map(([element]) => element).join();
    const plain = elements(emailOf(messageOf(ASKED, withText('plain'), URL)).html);
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary', minLength: 1 }), fc.constant(HOSTILE)), (text) => {
        fc.pre(text.trim() !== '');
        const email = emailOf(messageOf(ASKED, withText(text), URL));
        expect(elements(email.html)).toBe(plain);
        expect(email.subject).not.toMatch(/[\r\n]/);
      }),
    );
  });

  it('says in both forms who asks, what, how risky it is, and by when', () => {
    const email = emailOf(messageOf(ASKED, request({ risk: { level: 'medium', factors: ['reads files'] } }), URL));
    for (const form of [email.text, email.html]) {
      for (const said of [
        'Run 1 line of python',
        'user-1@airlock.test',
        'medium (reads files)',
        '0 of 1 agreed',
        '2026-11-23T10:30:00.000Z',
      ])
        expect(form).toContain(said);
    }
    expect(email.subject).toBe('[medium risk] Your decision is needed: request of user-1@airlock.test');
  });

  it('names the request where nobody said under which address it can be opened', () => {
    const approval = request();
    const email = emailOf(messageOf(ASKED, approval, null));
    expect(email.html).not.toContain('href');
    expect(email.text).toContain(`look for the request ${approval.approval_id}`);
  });

  it('can be read by a screen reader, on a phone and in the dark', () => {
    const { html } = emailOf(messageOf(ASKED, request(), URL));
    for (const part of [
      '<html lang="en">',
      '<h1>',
      'scope="row"',
      'width=device-width',
      'prefers-color-scheme: dark',
      'color-scheme',
    ])
      expect(html).toContain(part);
  });

  it('counts as the decision does: agreements to different versions, or taken back by a denial, add up to nothing', () => {
    const stages = ruleOf().stages.map((stage) => ({ ...stage, required_approvers: 3 }));
    const rule: Partial<ApprovalRule> = { stages, denial: 'majority' };
    const [asked] = openApprovalOf().versions;
    if (!asked) throw new Error('there is what was asked for');
    const versions = [asked, { ...asked, version: 2, digest: 'b'.repeat(64), timeout_seconds: 5 }];
    const made = (name: string, decision: 'approve' | 'deny', digest = asked.digest) => ({
      ...{ approver: { user_id: name, email: `${name}@airlock.test` }, on_behalf_of: null, decision, digest },
      ...{ stage: 0, rationale: null, standing: null, decided_at: '2026-11-23T10:01:00.000Z' },
    });
    const progressAfter = (...decisions: ReturnType<typeof made>[]) =>
      messageOf(ASKED, { ...openApprovalOf(undefined, rule), versions, decisions }, URL).facts.find(
        ({ label }) => label === 'Stage',
      )?.value;
    expect(progressAfter(made('ann', 'approve'), made('ben', 'approve', 'b'.repeat(64)))).toContain(': 1 of 3 agreed');
    expect(progressAfter(made('ann', 'approve'), made('ben', 'approve'))).toContain(': 2 of 3 agreed');
    expect(progressAfter(made('ann', 'approve'), made('ann', 'deny', 'b'.repeat(64)))).toContain(': 0 of 3 agreed');
  });

  it('tells how it ended', () => {
    expect(messageOf({ event: 'denied', asks: false }, closed('denied'), URL)).toMatchObject({
      subject: expect.stringContaining('Denied'),
    });
    expect(messageOf({ event: 'expired', asks: false }, closed('expired'), URL).lead).toContain('nothing runs');
  });
});

describe('a message in Slack', () => {
  const blocksOf = (approval: Approval, offersDecision = true) =>
    slackMessageOf(messageOf(ASKED, approval, URL), approval, offersDecision);
  const actionsOf = (approval: Approval, offersDecision = true) =>
    blocksOf(approval, offersDecision).blocks.flatMap((block) =>
      block.type === 'actions' ? block.elements.map((button) => button.action_id) : [],
    );

  it('has whatever others wrote in plain text, without mentions or links', () => {
    const message = blocksOf(withText('<!channel> <https://evil.example|Approve> *bold* & `x`'));
    expect(JSON.stringify(message)).not.toMatch(/<!channel>|<https|mrkdwn/);
    expect(JSON.stringify(message)).toContain('&lt;!channel&gt;');
    expect(message.text).not.toContain('<');
  });

  it('decides on the digest that was shown, up to medium risk, and never on security or where words are wanted', () => {
    const approval = request({ risk: { level: 'medium', factors: [] } });
    expect(actionsOf(approval)).toEqual(['airlock_approve', 'airlock_deny', 'airlock_open']);
    expect(JSON.stringify(blocksOf(approval))).toContain(`"value":"${approval.approval_id} ${approval.digest}"`);
    expect(actionsOf(approval, false)).toEqual(['airlock_open']);
    for (const more of [
      { risk: { level: 'high' as const, factors: [] } },
      { risk: { level: 'critical' as const, factors: [] } },
      { operation_type: 'security_change' },
      { rule: { ...approval.rule, requires_rationale: true } },
    ])
      expect(actionsOf(request(more)), JSON.stringify(more)).toEqual(['airlock_open']);
  });

  it('shows the digest it decides on, also where a stage before settled on tighter limits', () => {
    const settled = request({ settled_digest: 'b'.repeat(64) });
    const { blocks } = slackMessageOf(messageOf({ event: 'stage_started', asks: true }, settled, URL), settled, true);
    expect(JSON.stringify(blocks)).toContain(`Digest: ${'b'.repeat(64)}`);
    expect(JSON.stringify(blocks)).toContain(`"value":"${settled.approval_id} ${'b'.repeat(64)}"`);
    expect(JSON.stringify(blocks)).not.toContain(settled.digest);
  });

  it('loses its buttons once there is nothing to decide', () => {
    expect(actionsOf(closed('denied'))).toEqual(['airlock_open']);
  });

  it('keeps within what Slack accepts, and cuts no entity in two', () => {
    const message = blocksOf(withText('&<>'.repeat(400)));
    for (const block of message.blocks) {
      const texts =
        block.type === 'section'
          ? [...(block.fields ?? []), ...(block.text ? [block.text] : [])]
          : block.type === 'header'
            ? [block.text]
            : [];
      for (const { text } of texts) {
        expect(text.length).toBeLessThanOrEqual(block.type === 'header' ? 150 : 2000);
        expect(text.replaceAll(/&(amp|lt|gt);/g, '')).not.toContain('&');
      }
    }
  });
});

describe('a text message', () => {
  it('is short, has nothing of what others wrote but who asks, and its link is whole', () => {
    const approval = request({
      summary: 'rm -rf',
      justification: 'trust me',
      requester: { user_id: 'user-1', email: `${'x'.repeat(400)}@airlock.test` },
    });
    const text = smsOf(messageOf(ASKED, approval, URL));
    expect(text.length).toBeLessThanOrEqual(306);
    expect(text.endsWith(` ${URL}/approvals/${approval.approval_id}`)).toBe(true);
    expect(text).not.toMatch(/rm -rf|trust me|[^\x20-\x7e]/);
    expect(smsOf(messageOf(ASKED, approval, null)).endsWith(`Request ${approval.approval_id}`)).toBe(true);
  });
});

it('no channel carries the digest of anything else than the request, nor its code', () => {
  const approval = request();
  const message = messageOf(ASKED, approval, URL);
  const all = JSON.stringify([emailOf(message), slackMessageOf(message, approval, true), smsOf(message)]);
  expect(all).not.toContain('print(1)');
  expect(new Set(all.match(/[0-9a-f]{64}/g))).toEqual(new Set([approval.digest]));
});
