/** What speaks with SES, SNS and Secrets Manager, against the emulator's. */
import { randomInt, randomUUID } from 'node:crypto';
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { describe, expect, it } from 'vitest';
import type { Recipient } from '../../functions/contracts/notification.ts';
import { messageOf } from '../../functions/core/notification/message.ts';
import { queued } from '../../functions/core/notification/queue.ts';
import { status } from '../support/airlock.ts';
import { NOW, openApprovalOf } from '../support/entities.ts';
import { settings } from '../support/faults.ts';
import { mailTo } from '../support/inbox.ts';
import { noticeOf } from '../support/notices.ts';

// The adapters' clients are made when they are loaded, and find their cloud in the environment, as in a function.
process.env.AWS_ENDPOINT_URL = settings.endpoint;
process.env.AWS_REGION = settings.region;
process.env.AWS_ACCESS_KEY_ID = settings.credentials.accessKeyId;
process.env.AWS_SECRET_ACCESS_KEY = settings.credentials.secretAccessKey;
const { sesSender } = await import('../../functions/adapters/ses/sender.ts');
const { snsSender } = await import('../../functions/adapters/sns/sender.ts');
const { secretsManagerSecrets } = await import('../../functions/adapters/secretsmanager/secrets.ts');

const approval = openApprovalOf();
const notice = noticeOf(approval, 1);
const message = messageOf(notice, approval, 'https://airlock.example.com');
const outgoing = (recipient: Recipient, channel: 'email' | 'sms') => ({
  ...{ delivery: queued(notice, recipient, channel, NOW), approval, message, reference: null, now: NOW },
});
const person = (email: string): Recipient => ({ kind: 'person', user_id: 'user-2', email });

describe('mail', () => {
  it('arrives from an address that was proven, and is refused for good from another', async () => {
    const email = `somebody-${randomUUID().slice(0, 8)}@airlock.test`;
    const proven = sesSender({ from_address: 'approvals@airlock.example.com' });
    expect(await proven.send(outgoing(person(email), 'email'))).toEqual({ outcome: 'sent', reference: null });
    const mail = await mailTo(email, () => true);
    expect([mail.subject, mail.text.includes(approval.digest), mail.html.includes(approval.digest)]).toEqual([
      message.subject,
      true,
      true,
    ]);
    const other = sesSender({ from_address: 'approvals@elsewhere.example' });
    expect(await other.send(outgoing(person(email), 'email'))).toEqual({
      ...{ outcome: 'refused', reason: 'MessageRejected', isFinal: true },
    });
  });
});

describe('a text message', () => {
  it('goes to the number that the configuration names for the person or the phone on duty, and to nobody else', async () => {
    const number = `+1202555${randomInt(1000, 9999)}`;
    const duty = `+1202556${randomInt(1000, 9999)}`;
    const sender = snsSender({
      numbers: [
        { number, person: 'Lead@airlock.test' },
        { number: duty, person: null },
      ],
    });
    expect(await sender.send(outgoing(person('lead@airlock.test'), 'sms'))).toEqual({ outcome: 'sent', reference: null });
    expect(await sender.send(outgoing({ kind: 'place', name: duty }, 'sms'))).toEqual({ outcome: 'sent', reference: null });
    for (const recipient of [person('other@airlock.test'), { kind: 'place', name: number } as const])
      expect(await sender.send(outgoing(recipient, 'sms'))).toMatchObject({ outcome: 'refused', isFinal: true });
    const seen = JSON.stringify(await (await fetch(`${status.emulator_url}/_ministack/sns/sms-messages`)).json());
    for (const one of [number, duty]) expect(seen.split(`"PhoneNumber":"${one}"`)).toHaveLength(2);
    expect(seen).toContain(`https://airlock.example.com/approvals/${approval.approval_id}`);
  });
});

describe('the secret of the channels', () => {
  it('gives what is there, nothing for what is missing or empty, a new value after a minute, and never says what it is', async () => {
    const client = new SecretsManagerClient(settings);
    const SecretId = `channels-${randomUUID()}`;
    let now = NOW;
    const read = secretsManagerSecrets(SecretId, () => now);
    expect(await read('TOKEN')).toBeNull();
    await client.send(new CreateSecretCommand({ Name: SecretId, SecretString: '{"TOKEN":"one","EMPTY":""}' }));
    expect([await read('TOKEN'), await read('EMPTY'), await read('OTHER'), await read('constructor')]).toEqual([
      'one',
      null,
      null,
      null,
    ]);
    await client.send(new PutSecretValueCommand({ SecretId, SecretString: '{"TOKEN":"two"}' }));
    now = new Date(now.getTime() + 61_000);
    expect(await read('TOKEN')).toBe('two');
    for (const broken of ['hunter2', '["hunter2"]', '{"TOKEN":["hunter2"]}']) {
      await client.send(new PutSecretValueCommand({ SecretId, SecretString: broken }));
      now = new Date(now.getTime() + 61_000);
      const end = await read('TOKEN').catch((error: unknown) => error);
      expect([end instanceof Error && end.name, String(end).includes('hunter2')]).toEqual(['NotSent', false]);
    }
    await client.send(new DeleteSecretCommand({ SecretId, ForceDeleteWithoutRecovery: true }));
  });
});
