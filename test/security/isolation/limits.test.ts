/** Every limit ends what goes beyond it, and says which one it was. */
import { describe, expect, it } from 'vitest';
import { run, type Submission, until } from '../../support/airlock.ts';
import { poolNow } from '../../support/faults.ts';

const py = (code: string, more: Partial<Submission> = {}): Submission => ({
  language: 'python',
  code,
  timeout_seconds: 60,
  ...more,
});
const sh = (code: string, more: Partial<Submission> = {}): Submission => ({
  language: 'bash',
  code,
  timeout_seconds: 60,
  ...more,
});
const js = (code: string): Submission => ({ language: 'nodejs', code, timeout_seconds: 60 });
const SLOWLY = 'import time\n';

const LIMITS: [what: string, program: Submission, code: string][] = [
  [
    'memory, in Python',
    py(`${SLOWLY}kept = []\nwhile True:\n  kept.append(b"x" * 4_000_000); time.sleep(0.005)`),
    'memory_limit',
  ],
  ['memory, in Node', js('const kept = []; setInterval(() => kept.push(Buffer.alloc(4e6, 1)), 5)'), 'memory_limit'],
  [
    'memory, of many children together',
    py(
      `${SLOWLY}import os\nfor _ in range(8):\n  if os.fork() == 0:\n    block = bytearray(90_000_000)\n    for i in range(0, len(block), 4096): block[i] = 1\n    time.sleep(50)\ntime.sleep(50)`,
    ),
    'memory_limit',
  ],
  [
    'memory, shared and without a name',
    py(`${SLOWLY}import mmap\nm = mmap.mmap(-1, 700_000_000)\nfor i in range(0, len(m), 4096): m[i] = 1\ntime.sleep(50)`),
    'memory_limit',
  ],
  ['wall time, of one that waits', py(`${SLOWLY}time.sleep(50)`, { timeout_seconds: 1 }), 'time_limit'],
  ['time, of one that computes', py('while True: pass', { timeout_seconds: 1 }), 'time_limit'],
  ['processes, by a fork bomb', sh('bomb() { bomb | bomb & }; bomb; sleep 50'), 'process_limit'],
  [
    'processes, by threads',
    py(
      `${SLOWLY}import threading\nwhile True:\n  try: threading.Thread(target=time.sleep, args=(50,)).start()\n  except RuntimeError: time.sleep(0.01)`,
    ),
    'process_limit',
  ],
  [
    'disk, by many files',
    py(`${SLOWLY}n = 0\nwhile True:\n  open(f"f{n}", "wb").write(b"x" * 4_000_000); n += 1; time.sleep(0.005)`),
    'disk_limit',
  ],
  [
    'disk, by one file',
    py(`${SLOWLY}f = open("f", "wb")\nwhile True:\n  f.write(b"x" * 4_000_000); f.flush(); time.sleep(0.005)`),
    'disk_limit',
  ],
  ['disk, by one file too large, of a program that does not mind', sh('head -c 400000000 /dev/zero > f; exit 0'), 'disk_limit'],
  [
    'disk, in several places together',
    sh('for place in /dev/shm /tmp .; do head -c 45000000 /dev/zero > $place/f; done; exit 0', {
      resource_limits: { disk: '100MB' },
    }),
    'disk_limit',
  ],
  [
    'disk, by inodes',
    py('import os\nn = 0\nwhile True:\n  os.close(os.open(f"/tmp/{n}", os.O_CREAT)); n += 1', {
      resource_limits: { disk: '20MB' },
    }),
    'disk_limit',
  ],
  ['output, by a flood', sh('yes "a line that is repeated for ever"'), 'output_limit'],
];

describe('a limit holds, and the result says which one was hit', () => {
  it.each(LIMITS)('%s', async (_, submission, code) => {
    await until('an idle sandbox', async () => (await poolNow()).idle.length > 0);
    const result = await run(submission);
    // What the one before did has harmed nobody: this one starts as quickly, from a sandbox that stood ready.
    expect(result.prestarted).toBe(true);
    expect(result.error, result.error_output.slice(0, 500)).toMatchObject({ code });
    expect(result.status).toBe('failed');
    expect(result.error?.message.length).toBeGreaterThan(10);
  });

  it('open files: the program gets an error it can handle', async () => {
    const code =
      'kept = []\ntry:\n  while True: kept.append(open("/dev/null"))\nexcept OSError as error: print(error.errno, len(kept) < 256)';
    expect(await run(py(code))).toMatchObject({ status: 'completed', output: '24 True\n', prestarted: true });
  });

  it('cpu share: a program that asked for a fifth of a CPU gets about that much of it', async () => {
    const code = 'import time\nend = time.monotonic() + 5\nwhile time.monotonic() < end: pass';
    const result = await run(py(code, { resource_limits: { cpu: 0.2 } }));
    expect(result.status).toBe('completed');
    const share = (result.resource_usage?.cpu_ms ?? 0) / ((result.duration_seconds ?? 0) * 1000);
    expect(share).toBeGreaterThan(0.02);
    expect(share).toBeLessThan(0.3);
  });
});
