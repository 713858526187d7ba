import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LIMITS, prepareSandboxes, removeSandboxes, type Shape, startSandbox } from './support.ts';

beforeAll(async () => void (await prepareSandboxes()));
afterAll(removeSandboxes);

const MEBIBYTE = 1024 * 1024;
const shapes: Shape[] = ['hardened', 'fargate', 'bare'];

describe('a program past its limit is ended, and the result says which limit', () => {
  it('time: a program that ignores every signal it can', async () => {
    const sandbox = await startSandbox();
    const code =
      'import signal, time\nfor s in range(1, 32):\n  try: signal.signal(s, signal.SIG_IGN)\n  except OSError: pass\nwhile True: time.sleep(1)';
    const { exit } = await sandbox.run({ code, timeout_seconds: 0.5 });
    expect(exit).toMatchObject({ reason: 'time_limit', exit_code: null, signal: 'SIGKILL' });
    expect(exit.duration_ms).toBeGreaterThanOrEqual(490);
    expect(await sandbox.strangers()).toEqual([]);
  });

  it.each(shapes)('memory, growing step by step in one process (%s)', async (shape) => {
    const code = 'import time\nkept = []\nwhile True:\n  kept.append(b"x" * 4_000_000)\n  time.sleep(0.005)';
    const { exit } = await (await startSandbox({ shape })).run({ code, limits: { ...LIMITS, memory_bytes: 192 * MEBIBYTE } });
    expect(exit).toMatchObject({ reason: 'memory_limit', signal: 'SIGKILL' });
    expect(exit.usage.memory_bytes).toBeGreaterThan(192 * MEBIBYTE);
    expect(exit.usage.memory_bytes).toBeLessThan(400 * MEBIBYTE);
  });

  it('memory, shared between processes and not named in any file', async () => {
    const code =
      'import mmap, time\nm = mmap.mmap(-1, 600_000_000)\nfor i in range(0, len(m), 4096):\n  m[i] = 1\ntime.sleep(60)';
    const { exit } = await (await startSandbox()).run({ code, limits: { ...LIMITS, memory_bytes: 192 * MEBIBYTE } });
    expect(exit.reason).toBe('memory_limit');
  });

  it('memory, which the kernel takes for the program and ends when the container has no more', async () => {
    const code = `
import mmap, numpy
unreserved = 0x4000
m = mmap.mmap(-1, 2**41, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | unreserved, prot=mmap.PROT_READ)
numpy.frombuffer(m, dtype=numpy.uint8)[:: 2**21].sum()`;
    const { exit } = await (await startSandbox({ engineOptions: ['--memory=700m'] })).run({ code });
    expect(exit).toMatchObject({ reason: 'memory_limit', signal: 'SIGKILL' });
    expect(exit.usage.memory_bytes).toBeLessThan(512 * MEBIBYTE);
  });

  it('memory, asked for at once: the program gets an error it can handle', async () => {
    const { stdout, exit } = await (await startSandbox()).run({
      code: 'try: bytearray(10**10)\nexcept MemoryError: print("too much")',
    });
    expect({ stdout, reason: exit.reason }).toEqual({ stdout: 'too much\n', reason: 'exited' });
  });

  it.each(shapes)('disk, with many files (%s)', async (shape) => {
    const code = 'import time\nn = 0\nwhile True:\n  open(f"f{n}", "wb").write(b"x" * 2_000_000); n += 1; time.sleep(0.005)';
    const { exit } = await (await startSandbox({ shape })).run({ code, limits: { ...LIMITS, disk_bytes: 64 * MEBIBYTE } });
    expect(exit.reason).toBe('disk_limit');
  });

  it.each(shapes)('disk, under names that are no text, and by files without content (%s)', async (shape) => {
    const disk_bytes = 16 * MEBIBYTE;
    const hidden = 'import os, time\nos.mkdir(b"\\xff")\nopen(b"\\xff/f", "wb").write(b"x" * 20_000_000)\ntime.sleep(50)';
    const empty = 'import os\nn = 0\nwhile True:\n  os.close(os.open(f"{n}", os.O_CREAT)); n += 1';
    for (const code of [hidden, empty]) {
      const { exit } = await (await startSandbox({ shape })).run({ code, limits: { ...LIMITS, disk_bytes } });
      expect(exit.reason).toBe('disk_limit');
    }
  });

  it.each(shapes)('disk, however deep it lies: what cannot be measured is too much (%s)', async (shape) => {
    const code =
      'import os, time\nfor _ in range(3000):\n  os.mkdir("d" * 200); os.chdir("d" * 200)\nopen("f", "wb").write(b"x" * 20_000_000)\ntime.sleep(50)';
    const sandbox = await startSandbox({ shape });
    const { exit } = await sandbox.run({ code, limits: { ...LIMITS, disk_bytes: 16 * MEBIBYTE } });
    expect(exit.reason).toBe('disk_limit');
  });

  it.each(shapes)('disk, past which a program ended before anybody looked (%s)', async (shape) => {
    const code = 'open("f", "wb").write(b"x" * 20_000_000)';
    const { exit } = await (await startSandbox({ shape })).run({ code, limits: { ...LIMITS, disk_bytes: 16 * MEBIBYTE } });
    expect(exit.reason).toBe('disk_limit');
    expect(exit.usage.disk_bytes).toBeGreaterThan(16 * MEBIBYTE);
  });

  it('disk, with one file that was deleted while open', async () => {
    const code =
      'import os, time\nf = open("f", "wb"); os.unlink("f")\ng = open("g", "wb"); os.unlink("g")\nwhile True:\n  f.write(b"x" * 1_000_000); g.write(b"x" * 1_000_000); time.sleep(0.005)';
    const { exit } = await (await startSandbox()).run({ code, limits: { ...LIMITS, disk_bytes: 64 * MEBIBYTE } });
    expect(exit.reason).toBe('disk_limit');
  });

  it('processes: a fork bomb', async () => {
    const sandbox = await startSandbox();
    const { exit } = await sandbox.run({
      language: 'bash',
      entrypoint: 'main.sh',
      code: 'bomb() { bomb | bomb & }; bomb; sleep 60',
    });
    expect(exit.reason).toBe('process_limit');
    expect(await sandbox.strangers()).toEqual([]);
  });

  it('output: drained far past what is kept, then ended', async () => {
    const { stdout, exit } = await (await startSandbox()).run({
      language: 'bash',
      entrypoint: 'main.sh',
      code: 'yes | head -c 300000000',
    });
    expect(exit).toMatchObject({ reason: 'output_limit', stdout: { truncated: true } });
    expect(stdout.length).toBe(10 * MEBIBYTE);
  });
});

describe('what a program uses', () => {
  it('is reported again and again while it runs, children that have ended included', async () => {
    const code = `
import subprocess, time
kept = b'x' * 100_000_000
open('big', 'wb').write(b'x' * 20_000_000)
subprocess.run(['python3', '-c', 'import time; end = time.process_time() + 0.3\\nwhile time.process_time() < end: pass'])
time.sleep(0.5)`;
    const { events, exit } = await (await startSandbox()).run({ code });
    const samples = events.filter((event) => event.type === 'usage');
    expect(samples.length).toBeGreaterThanOrEqual(5);
    expect(exit.usage.cpu_ms).toBeGreaterThanOrEqual(300);
    expect(exit.usage.memory_bytes).toBeGreaterThan(100_000_000);
    expect(exit.usage.disk_bytes).toBeGreaterThanOrEqual(20_000_000);
    expect(exit.usage.processes).toBeGreaterThanOrEqual(2);
    const cpu = samples.map((sample) => sample.cpu_ms);
    expect(cpu).toEqual(cpu.toSorted((a, b) => a - b));
  });

  it('is held to its share of a CPU', async () => {
    const code = 'import time\nend = time.monotonic() + 2\nwhile time.monotonic() < end: pass';
    const { exit } = await (await startSandbox()).run({ code, limits: { ...LIMITS, cpu: 0.25 } });
    expect(exit.usage.cpu_ms / exit.duration_ms).toBeLessThan(0.35);
  });
});
