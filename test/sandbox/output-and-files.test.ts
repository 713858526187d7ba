import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OUTPUT_EVENT_MAX_BYTES } from '../../functions/contracts/sandbox-protocol.ts';
import { finish, prepareSandboxes, readEvents, removeSandboxes, startSandbox } from './support.ts';

beforeAll(async () => void (await prepareSandboxes()));
afterAll(removeSandboxes);

const bash = (code: string) => ({ language: 'bash' as const, entrypoint: 'main.sh', code });

describe('output', () => {
  it('of 50 MB is kept to its bound, and the program still ends by itself', async () => {
    const { stdout, exit } = await (await startSandbox()).run({
      code: 'import sys\nfor n in range(50):\n  sys.stdout.write("é" * 500_000)\nsys.exit(3)',
    });
    expect(exit).toMatchObject({ reason: 'exited', exit_code: 3, stdout: { bytes: 50_000_000, truncated: true } });
    expect(Buffer.byteLength(stdout)).toBe(10 * 1024 * 1024);
  });

  it('without line ends comes while the program still runs', async () => {
    const sandbox = await startSandbox();
    const { ticket, events, bearer } = await sandbox.start({
      code: 'print("no line end", end="")\nimport time\ntime.sleep(600)',
    });
    for await (const event of events) {
      if (event.type === 'stdout') {
        expect(event.text).toBe('no line end');
        break;
      }
    }
    await fetch(`${sandbox.url}/runs/current/cancel`, { method: 'POST', headers: bearer, body: '{"reason":"seen"}' });
    const rest = await finish(ticket, readEvents(await fetch(`${sandbox.url}/runs/current/events`, { headers: bearer })));
    expect(rest.exit).toMatchObject({ reason: 'cancelled', detail: 'seen' });
  });

  it('of any bytes becomes text, and a character is never cut in two', async () => {
    const code = `
import sys, time
out = sys.stdout.buffer
for byte in 'é€😀'.encode(): out.write(bytes([byte])); out.flush(); time.sleep(0.03)
out.write(bytes(range(256))); out.write('😀'.encode() * 20_000); out.write('😀'.encode()[:2])`;
    const { stdout, events } = await (await startSandbox()).run({ code });
    const bytes = Buffer.concat([
      Buffer.from('é€😀'),
      Buffer.from(Array.from({ length: 256 }, (_, n) => n)),
      Buffer.from('😀'.repeat(20_000)),
      Buffer.from('😀').subarray(0, 2),
    ]);
    expect(stdout).toBe(bytes.toString('utf8'));
    const sizes = events.flatMap((event) => (event.type === 'stdout' ? [Buffer.byteLength(event.text)] : []));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(OUTPUT_EVENT_MAX_BYTES);
    expect(events.every((event) => event.type !== 'stdout' || event.text.isWellFormed())).toBe(true);
  });

  it('keeps the order of each stream', async () => {
    const numbers = Array.from({ length: 5000 }, (_, n) => `${n}\n`).join('');
    const { stdout, stderr } = await (await startSandbox()).run(
      bash('for ((n = 0; n < 5000; n++)); do echo $n; echo $n >&2; done'),
    );
    expect(stdout).toBe(numbers);
    expect(stderr).toBe(numbers);
  });
});

describe('files brought in', () => {
  it('are where the manifest says, each with its own bytes, whatever the path', async () => {
    const [first, second] = [Buffer.from('first'), Buffer.from('second')];
    const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    const entry = (path: string, bytes: Buffer) => ({ path, sha256: hashOf(bytes), size_bytes: bytes.length });
    // Where a staged file waits, or might.
    const places = ['.airlock-staging', '.staging', 'a b'].map((directory) => `${directory}/${hashOf(second)}`);
    const files = [...places.map((path) => entry(path, first)), entry('in/second', second), entry('again', second)];
    const code = `cat ${places.map((path) => `"${path}"`).join(' ')}; echo; cat in/second again`;
    const { stdout } = await (await startSandbox()).run({ ...bash(code), files }, [first, second]);
    expect(stdout).toBe('firstfirstfirst\nsecondsecond');
  });

  it('of 100 MB pass through a supervisor that stays small, both ways', async () => {
    const sandbox = await startSandbox();
    const bytes = randomBytes(100 * 1024 * 1024);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const files = [{ path: 'in.bin', sha256, size_bytes: bytes.length }];
    const { ticket, events } = await sandbox.run({ ...bash('mv in.bin output/out.bin'), files }, [bytes]);
    const [file] = events.filter((event) => event.type === 'file');
    expect(file).toMatchObject({ name: 'out.bin', size_bytes: bytes.length, sha256 });
    const headers = { authorization: `Bearer ${ticket}` };
    const answer = await fetch(`${sandbox.url}/files/${file?.file_id}`, { headers });
    expect(
      createHash('sha256')
        .update(Buffer.from(await answer.arrayBuffer()))
        .digest('hex'),
    ).toBe(sha256);
    const peak = await sandbox.supervisorPeak();
    expect(peak).toBeGreaterThan(0);
    expect(peak).toBeLessThan(160 * 1024 * 1024);
  });
});

describe('files left in output/', () => {
  it('come back as they are, by an id that says nothing', async () => {
    const sandbox = await startSandbox();
    const content = Buffer.from(Array.from({ length: 100_000 }, (_, n) => n % 251));
    const code = `import os\nos.makedirs('output/deep/er')\nopen('output/deep/er/ü $(x).bin', 'wb').write(bytes(n % 251 for n in range(100_000)))\nopen('output/empty', 'w')\nos.chmod('output/empty', 0)`;
    const { ticket, events } = await sandbox.run({ code });
    const files = events.filter((event) => event.type === 'file');
    expect(files.map(({ name, size_bytes, sha256 }) => ({ name, size_bytes, sha256 }))).toEqual([
      { name: 'deep/er/ü $(x).bin', size_bytes: 100_000, sha256: createHash('sha256').update(content).digest('hex') },
      { name: 'empty', size_bytes: 0, sha256: createHash('sha256').digest('hex') },
    ]);
    const get = (id: string, bearer: string) =>
      fetch(`${sandbox.url}/files/${id}`, { headers: { authorization: `Bearer ${bearer}` } });
    const answer = await get(files[0]?.file_id ?? '', ticket);
    expect(Buffer.from(await answer.arrayBuffer()).equals(content)).toBe(true);
    expect((await get(files[0]?.file_id ?? '', 'x.y.z')).status).toBe(401);
    expect((await get('deep', ticket)).status).toBe(404);
    expect((await get('..%2f..%2fopt%2fairlock%2fimage-id', ticket)).status).toBe(404);
  });

  it('are left where they are if they are not plain files of the guest', async () => {
    const code = `
cd output; ln -s /opt/airlock/image-id stolen; ln -s /etc etc; mkfifo pipe; echo x > one; ln one two; head -c 104857601 /dev/zero > huge; ln /etc/passwd hard 2>/dev/null; echo kept > kept; mkdir -p ${Array(30).fill('d').join('/')}
touch $'bad\\xff'`;
    const { events, exit } = await (await startSandbox()).run(bash(code));
    expect(events.flatMap((event) => (event.type === 'file' ? [event.name] : []))).toEqual(['bad\ufffd', 'kept']);
    expect(exit.files_skipped.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
      { name: Array(12).fill('d').join('/'), reason: 'too deep' },
      { name: 'etc', reason: 'symbolic link' },
      { name: 'huge', reason: 'larger than 104857600 bytes' },
      { name: 'one', reason: 'more than one link' },
      { name: 'pipe', reason: 'not a regular file' },
      { name: 'stolen', reason: 'symbolic link' },
      { name: 'two', reason: 'more than one link' },
    ]);
  });

  it('are not looked for behind a link in place of output/ itself', async () => {
    const { events, exit } = await (await startSandbox()).run(bash('rmdir output; ln -s /etc output'));
    expect(events.some((event) => event.type === 'file')).toBe(false);
    expect(exit.files_skipped).toEqual([{ name: '.', reason: 'output is not a directory' }]);
  });
});
