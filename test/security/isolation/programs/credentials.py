"""Looks for credentials wherever it can read. Prints JSON: what it saw of each kind, and that it finds what it planted itself."""

import json
import os

# Beginnings of a compact JWS and of its payload, names of the product's, the cloud's and the emulator's settings.
MARKS = [b'eyJhbGciOi', b'AIRLOCK_', b'AWS_', b'ECS_', b'X-Amz-', b'BEGIN PRIVATE KEY', b'BEGIN EC PRIVATE KEY', b'169.254.170']
PLANTED = '/tmp/planted'
OWN = {'/workspace/main.py', f'/proc/{os.getpid()}/cmdline'}
SKIPPED = ('/proc/sys', '/sys', '/usr/lib', '/usr/share', '/usr/local/lib', '/usr/include')


def marks_in(path):
    with open(path, 'rb') as file:
        content = file.read(4 * 1024 * 1024)
    return [mark.decode() for mark in MARKS if mark in content]


def search(top):
    found = {}
    for directory, names, files in os.walk(top):
        if directory.startswith(SKIPPED):
            names.clear()
            continue
        for name in files:
            path = os.path.join(directory, name)
            try:
                if path not in OWN and os.path.isfile(path) and (marks := marks_in(path)):
                    found[path] = marks
            except OSError:
                pass
    return found


def of_processes(name):
    found = {}
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            if int(pid) != os.getpid() and (marks := marks_in(f'/proc/{pid}/{name}')):
                found[pid] = marks
        except OSError:
            pass
    return found


with open(PLANTED, 'w') as file:
    file.write('eyJhbGciOi planted')
files = search('/')
memory = 'read'
try:
    open('/proc/1/mem', 'rb').close()
except OSError as error:
    memory = type(error).__name__
print(
    json.dumps(
        {
            'planted': files.pop(PLANTED, None),
            'files': {path: marks for path, marks in files.items() if not path.startswith('/proc/')},
            'environment': sorted(os.environ),
            'environments': of_processes('environ'),
            'command_lines': of_processes('cmdline'),
            'descriptors': sorted({os.readlink(f'/proc/self/fd/{fd}').split(':')[0] for fd in os.listdir('/proc/self/fd') if os.path.islink(f'/proc/self/fd/{fd}')}),
            'memory': memory,
        }
    )
)
