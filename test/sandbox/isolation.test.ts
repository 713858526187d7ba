import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareSandboxes, removeSandboxes, type Shape, startSandbox } from './support.ts';

beforeAll(async () => void (await prepareSandboxes()));
afterAll(removeSandboxes);

const shapes: Shape[] = ['hardened', 'fargate', 'bare'];

describe.each(shapes)('a guest in a %s container', (shape) => {
  it('reaches no network and no socket from python', async () => {
    const code = `
import socket, urllib.request
def attempt(what):
    try: what(); print('REACHED')
    except OSError as error: print(type(error).__name__)
for family in ('AF_INET', 'AF_INET6', 'AF_UNIX', 'AF_NETLINK', 'AF_PACKET', 'AF_VSOCK'):
    attempt(lambda: socket.socket(getattr(socket, family), socket.SOCK_STREAM))
attempt(lambda: urllib.request.urlopen('http://127.0.0.1:8090/healthz', timeout=3))
attempt(lambda: socket.getaddrinfo('example.com', 80))
a, b = socket.socketpair(); a.send(b'pair works'); print(b.recv(99).decode())`;
    const { stdout, stderr } = await (await startSandbox({ shape })).run({ code });
    expect(stderr).toBe('');
    expect(stdout.split('\n')).toEqual([...Array(6).fill('PermissionError'), 'URLError', 'gaierror', 'pair works', '']);
  });

  it('reaches no network from node', async () => {
    const code = `
import net from 'node:net'; import dns from 'node:dns/promises';
for (const options of [{ host: '127.0.0.1', port: 8090 }, { path: '/tmp/x.sock' }]) {
  const socket = net.connect(options);
  console.log(await new Promise((done) => { socket.on('connect', () => done('REACHED')); socket.on('error', ({ code }) => done(code)); }));
}
console.log(await dns.lookup('example.com').then(() => 'REACHED', ({ code }) => code));
console.log(await fetch('http://127.0.0.1:8090/healthz').then(() => 'REACHED', () => 'refused'));`;
    const { stdout } = await (await startSandbox({ shape })).run({ language: 'nodejs', entrypoint: 'main.mjs', code });
    expect(stdout).toBe('EPERM\nEPERM\nEAI_AGAIN\nrefused\n');
  });

  it('reaches no network from bash, has no way to root, and sees nothing of the supervisor', async () => {
    const code = `
(exec 7<>/dev/tcp/127.0.0.1/8090) 2>/dev/null && echo REACHED tcp
for tool in su sudo mount unshare nsenter chroot apt-get dpkg perl; do command -v $tool && echo REACHED; done
for file in /opt/airlock /opt/airlock/image-id /opt/airlock/supervisor.mjs /workspace/.airlock-staging*; do cat $file 2>/dev/null && echo REACHED $file; done
ls /opt/airlock /run/airlock /tmp/airlock 2>/dev/null && echo REACHED
for process in /proc/[0-9]*; do [ -O $process ] || cat $process/environ $process/maps 2>/dev/null && [ ! -O $process ] && echo REACHED $process; done
for process in /proc/[0-9]*; do [ -O $process ] || kill -9 \${process#/proc/} 2>/dev/null && [ ! -O $process ] && echo KILLED $process; done
find / -xdev -perm /6000 -type f 2>/dev/null
touch /usr/x /etc/x /opt/x /x /var/tmp/x /usr/lib/airlock/x 2>/dev/null && echo REACHED
grep -E '^(Uid|CapPrm|CapEff|CapInh|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status | tr '\\t' ' '
env | cut -d= -f1 | sort | tr '\\n' ' '`;
    const secrets = { SECRET: 'very', ECS_CONTAINER_METADATA_URI_V4: 'http://169.254.170.2/v4' };
    const sandbox = await startSandbox({ shape, env: secrets });
    const { stdout } = await sandbox.run({ language: 'bash', entrypoint: 'main.sh', code });
    expect(stdout).not.toMatch(/REACHED|KILLED|0000000[0-9a-f]*[1-9a-f]/);
    const [uid, ...rest] = stdout.split('\n');
    expect(uid).toMatch(/^Uid: (\d{5}) \1 \1 \1$/);
    expect(rest).toEqual([
      ...['CapInh: 0000000000000000', 'CapPrm: 0000000000000000', 'CapEff: 0000000000000000', 'CapAmb: 0000000000000000'],
      ...['NoNewPrivs: 1', 'Seccomp: 2', 'HOME LANG OPENBLAS_NUM_THREADS PATH PWD SHLVL TMPDIR USER _ '],
    ]);
  });

  it('is refused the system calls that lead out', async () => {
    const { stdout, stderr } = await (await startSandbox({ shape })).run({ code: SYSTEM_CALLS });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      ...{ unshare: 'EPERM', clone_newuser: 'EPERM', clone_newnet: 'EPERM', clone3: 'ENOSYS', ptrace: 'EPERM', keyctl: 'EPERM' },
      ...{
        memfd_create: 'ENOSYS',
        io_uring_setup: 'ENOSYS',
        userfaultfd: 'ENOSYS',
        bpf: 'EPERM',
        mount: 'EPERM',
        setns: 'EPERM',
      },
      ...{ shmget: 'EPERM', msgget: 'EPERM', seccomp: 'EPERM', personality: 'EPERM', tiocsti: 'EPERM', tiocsti_high: 'EPERM' },
      ...{
        open_tree_attr: 'EPERM',
        not_yet_invented: 'ENOSYS',
        process_vm_readv: 'EPERM',
        pidfd_getfd: 'EPERM',
        mq_open: 'EPERM',
      },
    });
  });
});

/** Numbers are those of x86_64 or of arm64. */
const SYSTEM_CALLS = `
import ctypes, errno, json, platform
libc = ctypes.CDLL(None, use_errno=True)
arm = platform.machine() == 'aarch64'
calls = {
  'unshare': (97 if arm else 272, 0x10000000), 'clone_newuser': (220 if arm else 56, 0x10000011, 0, 0, 0, 0),
  'clone_newnet': (220 if arm else 56, 0x40000011, 0, 0, 0, 0), 'clone3': (435, 0, 0), 'ptrace': (117 if arm else 101, 0, 0, 0, 0),
  'keyctl': (219 if arm else 250, 0, 0), 'memfd_create': (279 if arm else 319, b'x', 0), 'io_uring_setup': (425, 1, 0),
  'userfaultfd': (282 if arm else 323, 0), 'bpf': (280 if arm else 321, 0, 0, 0), 'mount': (40 if arm else 165, 0, 0, 0, 0, 0),
  'setns': (268 if arm else 308, 0, 0), 'shmget': (194 if arm else 29, 0, 4096, 0o1600), 'msgget': (186 if arm else 68, 0, 0o1600),
  'seccomp': (277 if arm else 317, 0, 0, 0), 'personality': (92 if arm else 135, 0xffffffff), 'tiocsti': (29 if arm else 16, 0, 0x5412, b'x'),
  'tiocsti_high': (29 if arm else 16, 0, 0x100005412, b'x'), 'open_tree_attr': (467, 0, 0, 0, 0, 0), 'not_yet_invented': (480, 0),
  'process_vm_readv': (270 if arm else 310, 1, 0, 0, 0, 0, 0), 'pidfd_getfd': (438, 0, 0, 0), 'mq_open': (180 if arm else 240, b'x', 0o102, 0o600, 0),
}
def attempt(number, *arguments):
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *words)
    return errno.errorcode.get(ctypes.get_errno(), '?') if result == -1 else f'allowed: {result}'
print(json.dumps({name: attempt(*call) for name, call in calls.items()}))`;
