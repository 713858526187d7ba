import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { PassThrough } from 'node:stream';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { DIGEST_PREFIX, type Manifest, type ResourceLimits } from '../../functions/contracts/manifest.ts';
import { TICKET_ALGORITHM, TICKET_TYPE } from '../../functions/contracts/ticket.ts';
import { createEventLog } from './event-log.ts';
import { createOutputStream } from './output.ts';
import { createTicketVerifier, openManifest } from './ticket.ts';
import { createUsageMeter } from './usage.ts';

const ROUNDS = 30;

/**
 * Walks through what the arrival of the job will do, so that its one real time is not the first: code that never ran costs 20 ms.
 * The rehearsed ticket is signed with a key made here and thrown away, which the real verifier refuses like any stranger's.
 */
export async function rehearse(options: { readonly limits: ResourceLimits; readonly port: number }): Promise<void> {
  const key = await generateKeyPair(TICKET_ALGORITHM);
  const sandboxId = 'rehearsal';
  const bytes = Buffer.from(JSON.stringify(rehearsalManifest(options.limits)));
  const issuedAt = Math.floor(Date.now() / 1000);
  const digest = createHash('sha256').update(DIGEST_PREFIX).update(bytes).digest('hex');
  const ticket = await new SignJWT({ jti: 'x', execution_id: sandboxId, attempt: 1, digest, basis: { kind: 'rule', rule: 'x' } })
    .setProtectedHeader({ alg: TICKET_ALGORITHM, typ: TICKET_TYPE })
    .setAudience(sandboxId)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + 60)
    .sign(key.privateKey);
  const jwks = { keys: [await exportJWK(key.publicKey)] };
  const verifyTicket = createTicketVerifier({ jwks, sandboxId, now: () => new Date() });
  const body = JSON.stringify({ ticket, manifest_base64: bytes.toString('base64') });
  for (let round = 0; round < ROUNDS; round += 1) {
    openManifest(bytes, await verifyTicket(ticket), sandboxId);
    await postRefused(options.port, body);
    await showOutput(createUsageMeter().measure().usage);
  }
}

/** Also makes the real verifier import the gate's keys. */
function postRefused(port: number, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const post = request({ host: '127.0.0.1', port, path: '/runs', method: 'POST' }, (response) => {
      response.resume();
      response.on('end', resolve);
    });
    post.on('error', reject);
    post.end(body);
  });
}

async function showOutput(usage: object): Promise<void> {
  const events = createEventLog(() => new Date());
  const reader = new PassThrough().resume();
  const followed = events.follow(reader, 0);
  const stream = createOutputStream((text) => events.append({ type: 'stdout', text }));
  stream.write(Buffer.from(JSON.stringify(usage)));
  stream.end();
  events.append({
    ...{ type: 'exit', reason: 'exited', exit_code: 0, signal: null, duration_ms: 0, files_skipped: [] },
    ...{ usage: { cpu_ms: 0, memory_bytes: 0, disk_bytes: 0, processes: 0 }, stdout: stream.totals(), stderr: stream.totals() },
  });
  await followed;
}

const rehearsalManifest = (limits: ResourceLimits): Manifest => ({
  ...{ version: 1, execution_id: 'rehearsal', requester_id: 'rehearsal', approval_requested: false, language: 'bash', code: '' },
  ...{
    entrypoint: 'main.sh',
    args: ['x'],
    stdin: '{}',
    env: { X: 'x' },
    files: [],
    environment: 'bash',
    limits,
    timeout_seconds: 1,
  },
  ...{ network: 'none', profile: { name: 'x', content: {} }, context: {}, image_id: 'rehearsal' },
});
