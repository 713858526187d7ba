import { createHash, randomUUID } from 'node:crypto';
import { generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '../../functions/contracts/manifest.ts';
import { refusal } from '../../functions/contracts/sandbox-protocol.ts';
import { finish, prepareSandboxes, readEvents, readHealth, removeSandboxes, startSandbox, type TestSandbox } from './support.ts';

let sandbox: TestSandbox;

beforeAll(async () => {
  await prepareSandboxes();
  sandbox = await startSandbox();
});
afterAll(removeSandboxes);

const bytesOf = (manifest: Manifest): Buffer => Buffer.from(JSON.stringify(manifest));
const hello = (): Buffer => bytesOf(sandbox.manifest({ code: 'print("hello")' }));

async function refusalOf(response: Response): Promise<[number, string]> {
  return [response.status, refusal.parse(await response.json()).code];
}

/** One sandbox for all: a refusal changes nothing, so it must still be idle after each. */
describe('an idle sandbox refuses', () => {
  it('other bytes than those the ticket was signed for', async () => {
    const ticket = await sandbox.sign(hello());
    const other = bytesOf(sandbox.manifest({ code: 'print("hullo")' }));
    expect(await refusalOf(await sandbox.post(ticket, other))).toEqual([403, 'digest_mismatch']);
    expect(await refusalOf(await sandbox.post(ticket, Buffer.concat([hello(), Buffer.from(' ')])))).toEqual([
      403,
      'digest_mismatch',
    ]);
  });

  it('a ticket for another sandbox', async () => {
    const ticket = await sandbox.sign(hello(), { aud: 'sbx_another' });
    expect(await refusalOf(await sandbox.post(ticket, hello()))).toEqual([401, 'ticket_invalid']);
  });

  it('an expired ticket, and one that would live too long', async () => {
    const now = Math.floor(Date.now() / 1000);
    const expired = await sandbox.sign(hello(), { iat: now - 200, exp: now - 100 });
    expect(await refusalOf(await sandbox.post(expired, hello()))).toEqual([401, 'ticket_invalid']);
    const lasting = await sandbox.sign(hello(), { iat: now, exp: now + 3600 });
    expect(await refusalOf(await sandbox.post(lasting, hello()))).toEqual([401, 'ticket_invalid']);
    const postdated = await sandbox.sign(hello(), { iat: now + 3500, exp: now + 3600 });
    expect(await refusalOf(await sandbox.post(postdated, hello()))).toEqual([401, 'ticket_invalid']);
  });

  it('a ticket that someone else signed, that nobody signed, or that is of another type', async () => {
    const stranger = await generateKeyPair('ES256');
    const claims = JSON.parse(Buffer.from((await sandbox.sign(hello())).split('.')[1] ?? '', 'base64url').toString());
    const forged = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', typ: 'airlock-run+jwt', kid: 'gate' })
      .sign(stranger.privateKey);
    const unsigned = `${Buffer.from('{"alg":"none","typ":"airlock-run+jwt"}').toString('base64url')}.${forged.split('.')[1]}.`;
    for (const ticket of [forged, unsigned, 'nonsense', '']) {
      expect(await refusalOf(await sandbox.post(ticket, hello()))).toEqual([401, 'ticket_invalid']);
    }
  });

  it('a ticket for another execution, and a manifest for another image', async () => {
    const ticket = await sandbox.sign(hello(), { execution_id: 'exec_other' });
    expect(await refusalOf(await sandbox.post(ticket, hello()))).toEqual([403, 'digest_mismatch']);
    const outdated = bytesOf(sandbox.manifest({ image_id: 'f'.repeat(64) }));
    expect(await refusalOf(await sandbox.post(await sandbox.sign(outdated), outdated))).toEqual([409, 'environment_changed']);
  });

  it('signed bytes that are no manifest', async () => {
    const unusable = [
      ...['{', '[]', '\u0000'].map((text) => Buffer.from(text)),
      Buffer.from([0xff, 0xfe]),
      bytesOf({ ...sandbox.manifest({}), entrypoint: '../main.py' }),
      bytesOf(sandbox.manifest({ env: { 'A=B': '1' } })),
      bytesOf(sandbox.manifest({ args: ['a\0b'] })),
    ];
    for (const bytes of unusable) {
      expect(await refusalOf(await sandbox.post(await sandbox.sign(bytes), bytes))).toEqual([422, 'manifest_invalid']);
    }
  });

  it('a run whose files have not come, and files that are not what they are called', async () => {
    const sha256 = createHash('sha256').update('expected').digest('hex');
    const bytes = bytesOf(sandbox.manifest({ files: [{ path: 'x.txt', sha256, size_bytes: 8 }] }));
    const ticket = await sandbox.sign(bytes);
    expect(await refusalOf(await sandbox.post(ticket, bytes))).toEqual([409, 'files_missing']);
    const put = (authorization: string, body: string) =>
      fetch(`${sandbox.url}/files/${sha256}`, { method: 'PUT', headers: { authorization }, body });
    expect(await refusalOf(await put(`Bearer ${ticket}`, 'changed!'))).toEqual([422, 'file_invalid']);
    expect(await refusalOf(await put('Bearer nonsense', 'expected'))).toEqual([401, 'ticket_invalid']);
    expect(await refusalOf(await put('', 'expected'))).toEqual([401, 'ticket_invalid']);
    expect(await refusalOf(await sandbox.post(ticket, bytes))).toEqual([409, 'files_missing']);
  });

  it('everything about a run that does not exist, and what is not HTTP for it', async () => {
    const headers = { authorization: `Bearer ${await sandbox.sign(hello())}` };
    const ask = async (path: string, init: RequestInit = {}) => refusalOf(await fetch(`${sandbox.url}${path}`, init));
    expect(await ask('/runs/current/events', { headers })).toEqual([404, 'not_found']);
    expect(await ask('/runs/current/cancel', { method: 'POST', headers, body: '{"reason":"x"}' })).toEqual([404, 'not_found']);
    expect(await ask(`/files/${randomUUID()}`, { headers })).toEqual([404, 'not_found']);
    expect(await ask('/nothing')).toEqual([404, 'not_found']);
    expect(await ask('//')).toEqual([404, 'not_found']);
    for (const body of ['', '{', '[]', '{"ticket":1}', '{"ticket":"a","manifest_base64":"***"}', `"${'x'.repeat(8_000_000)}"`]) {
      expect(await ask('/runs', { method: 'POST', body })).toEqual([400, 'bad_request']);
    }
  });

  it('and after all of that is still idle, with all interpreters waiting', async () => {
    expect(await readHealth(sandbox.url)).toMatchObject({ status: 'idle', prestarted: ['python', 'nodejs', 'bash', 'sql'] });
  });
});

describe('a used sandbox', () => {
  it('takes one of several simultaneous jobs and refuses every later one, with the same or a new ticket', async () => {
    const fresh = await startSandbox();
    const bytes = bytesOf(fresh.manifest({ code: 'print("once")' }));
    const tickets = await Promise.all([1, 2, 3, 4].map(() => fresh.sign(bytes)));
    const answers = await Promise.all(tickets.map((ticket) => fresh.post(ticket, bytes)));

    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409]);
    const winner = answers.findIndex(({ status }) => status === 200);
    const ticket = tickets[winner] ?? '';
    const { stdout } = await finish(ticket, readEvents(answers[winner] ?? Response.error()));
    expect(stdout).toBe('once\n');
    expect(await refusalOf(await fresh.post(ticket, bytes))).toEqual([409, 'sandbox_used']);
    expect(await refusalOf(await fresh.post(await fresh.sign(bytes), bytes))).toEqual([409, 'sandbox_used']);
    expect(await readHealth(fresh.url)).toMatchObject({ status: 'done' });

    const events = (bearer: string) =>
      fetch(`${fresh.url}/runs/current/events`, { headers: { authorization: `Bearer ${bearer}` } });
    expect(await refusalOf(await events(tickets[(winner + 1) % 4] ?? ''))).toEqual([401, 'ticket_invalid']);
    expect((await finish(ticket, readEvents(await events(ticket)))).stdout).toBe('once\n');
  });
});
