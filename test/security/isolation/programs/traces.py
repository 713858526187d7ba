"""Leaves traces wherever something might outlast a run, after looking for those of an earlier one. Prints JSON."""

import ctypes
import json
import os
import sys
import time

MARK = 'airlock-trace-'
PLACES = ['/tmp', '/dev/shm', '/workspace', '/var/tmp', '/run', '/dev/mqueue', '/opt/airlock', '/usr/lib/airlock', '/home', '/']
mine = f'{MARK}{sys.argv[1]}'
libc = ctypes.CDLL(None, use_errno=True)

found, left = [], []
for place in PLACES:
    try:
        found += [f'{place}/{name}' for name in os.listdir(place) if name.startswith(MARK)]
    except OSError:
        pass
    try:
        open(f'{place}/{mine}', 'w').close()
        left.append(place)
    except OSError:
        pass


def allowed(name, *arguments):
    function = getattr(libc, name)
    return function(*arguments) != -1


kept = [
    name
    for name, arguments in {
        'shmget': (0x41495231, 4096, 0o1666),
        'msgget': (0x41495231, 0o1666),
        'semget': (0x41495231, 1, 0o1666),
        'mq_open': (b'/airlock-trace', os.O_CREAT | os.O_RDWR, 0o666, None),
    }.items()
    if allowed(name, *arguments)
]
owners = {os.stat(f'/proc/{pid}').st_uid for pid in os.listdir('/proc') if pid.isdigit() and os.path.exists(f'/proc/{pid}')}
if len(sys.argv) > 2:
    time.sleep(float(sys.argv[2]))
print(json.dumps({'found': found, 'left': left, 'kept': kept, 'uid': os.getuid(), 'strangers': sorted(owners - {0, os.getuid()})}))
