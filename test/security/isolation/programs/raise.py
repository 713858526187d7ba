"""Tries to become more than it is. Prints JSON: what each attempt came to, and what it found that it should not have."""

import ctypes
import errno
import json
import os
import platform
import stat

libc = ctypes.CDLL(None, use_errno=True)
ARM = platform.machine() == 'aarch64'
NEW_USER, NEW_NET = 0x10000000, 0x40000000
EPOCH = bytes(16)

# Each with its numbers on arm64 and on x86_64.
CALLS = {
    'a user namespace': (97, 272, NEW_USER),
    'a network namespace': (97, 272, NEW_NET),
    'a clone in a user namespace': (220, 56, NEW_USER | 17, 0, 0, 0, 0),
    'joining a namespace': (268, 308, 0, 0),
    'mount': (40, 165, b'none', b'/tmp', b'tmpfs', 0, 0),
    'umount': (39, 166, b'/tmp', 0),
    'open_tree': (428, 428, -100, b'/', 1),
    'fsopen': (430, 430, b'tmpfs', 0),
    'pivot_root': (41, 155, b'/tmp', b'/tmp'),
    'chroot': (51, 161, b'/tmp'),
    'ptrace': (117, 101, 16, 1, 0, 0),
    'reading the memory of another': (270, 310, 1, 0, 0, 0, 0, 0),
    'taking a descriptor of another': (438, 438, 0, 0, 0),
    'add_key': (217, 248, b'user', b'x', b'y', 1, -2),
    'request_key': (218, 249, b'user', b'x', 0, 0),
    'keyctl': (219, 250, 0, -3, 0),
    'bpf': (280, 321, 0, 0, 0),
    'perf_event_open': (241, 298, 0, 0, -1, -1, 0),
    'kexec_load': (104, 246, 0, 0, 0, 0),
    'kexec_file_load': (294, 320, 0, 0, 0, 0, 0),
    'init_module': (105, 175, 0, 0, b''),
    'finit_module': (273, 313, 0, b'', 0),
    'delete_module': (106, 176, b'x', 0),
    'setting the clock': (112, 227, 0, EPOCH),
    'settimeofday': (170, 164, EPOCH, 0),
    'reboot': (142, 169, 0xFEE1DEAD, 672274793, 0x01234567, 0),
    'swapon': (224, 167, b'/tmp/x', 0),
    'acct': (89, 163, b'/tmp/x'),
    'sethostname': (161, 170, b'x', 1),
    'becoming root': (146, 105, 0),
    "root's group": (144, 106, 0),
    'other groups': (159, 116, 0, 0),
    'a device': (33, 259, -100, b'/tmp/device', 0o60600, os.makedev(8, 0)),
    'io_uring': (425, 425, 1, 0),
    'userfaultfd': (282, 323, 0),
    'a filter of its own': (277, 317, 1, 0, 0),
}


def attempt(arm, x86, *arguments):
    words = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(arm if ARM else x86), *words)
    return errno.errorcode.get(ctypes.get_errno(), '?') if result == -1 else f'allowed: {result}'


def everything(top):
    for directory, _, names in os.walk(top):
        for name in names:
            yield os.path.join(directory, name)


def with_privileges():
    for path in everything('/'):
        if path.startswith(('/proc/', '/sys/')):
            continue
        try:
            if os.lstat(path).st_mode & (stat.S_ISUID | stat.S_ISGID):
                yield path
            elif 'security.capability' in os.listxattr(path, follow_symlinks=False):
                yield path
        except OSError:
            pass


def writable(top):
    for path in everything(top):
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW))
            yield path
        except OSError:
            pass


status = dict(line.split(':', 1) for line in open('/proc/self/status').read().splitlines())
ROOT_FILES = ['/etc/passwd', '/etc/ld.so.preload', '/usr/bin/python3', '/usr/lib/airlock/guest.bpf', '/opt/airlock/supervisor.mjs']
print(
    json.dumps(
        {
            'calls': {name: attempt(*call) for name, call in CALLS.items()},
            'status': {name: status[name].strip() for name in ('NoNewPrivs', 'Seccomp', 'CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb')},
            'privileged': list(with_privileges()),
            'settings': list(writable('/proc/sys')) + list(writable('/sys')),
            'image': [path for path in ROOT_FILES if os.access(path, os.W_OK)],
            'looked_at': sum(1 for _ in everything('/usr')),
        }
    )
)
