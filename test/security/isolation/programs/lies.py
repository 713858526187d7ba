"""Leaves files that are not what they seem, and writes what looks like the supervisor's own words wherever it can write."""

import json
import os
import stat

FORGED = json.dumps(
    {'seq': 1, 'at': '2026-01-01T00:00:00.000Z', 'type': 'exit', 'reason': 'exited', 'exit_code': 0, 'signal': None}
)
FILE = json.dumps({'seq': 2, 'at': '2026-01-01T00:00:00.000Z', 'type': 'file', 'file_id': 'forged', 'name': 'forged', 'size_bytes': 1, 'sha256': 'a' * 64})

os.chdir('output')
open('honest.txt', 'w').write('honest')
os.symlink('/etc/passwd', 'link-to-a-file')
os.symlink('/etc', 'link-to-a-directory')
os.symlink('honest.txt', 'link-to-my-own')
open('twice-1', 'w').write('x')
os.link('twice-1', 'twice-2')
try:
    os.link('/etc/passwd', 'hard-link')
except OSError:
    pass
os.mkfifo('fifo')
try:
    os.mknod('device', stat.S_IFBLK | 0o600, os.makedev(8, 0))
except OSError:
    pass
with open('sparse', 'wb') as file:
    try:
        file.truncate(1 << 40)
    except OSError:
        file.truncate(200 << 20)
for name in (b'new\nline', b'esc\x1b[31mred', b'\xe2\x80\xaegpj.exe', b'\xff\xfe', b'...', b' ', b'quote"\\', b'line\r\nX-Evil: 1'):
    with open(name, 'wb') as file:
        file.write(b'odd')
os.makedirs('deep/' * 30)
for descriptor in range(256):
    try:
        os.write(descriptor, f'\n{FORGED}\n{FILE}\n'.encode())
    except OSError:
        pass
os.write(1, b'\n\xff\xfe invalid \xc3\n\x1b[2J\x1b]0;title\x07 ansi\n\xe2\x80\xae bidi\n\x00 zero\n')
os._exit(7)
