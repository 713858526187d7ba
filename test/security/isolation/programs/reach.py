"""Tries every way out that Python has, then once more in a child process. Prints a line for each: its name and what came of it.

Standard input says where to: {"prefix", "tcp": {name: [address, port]}, "udp": ..., "ping": address, "packet": {...},
"unix": {name: path}, "domain": name, "kernel": true}. `sent` means that only the target can tell whether it arrived.
"""

import ctypes
import errno
import json
import os
import socket
import struct
import subprocess
import sys

text = sys.argv[2] if len(sys.argv) > 2 else sys.stdin.read()
given = json.loads(text)
is_child = len(sys.argv) > 1
prefix = given['prefix'] + ('child-' if is_child else '')


def attempt(name, work):
    try:
        outcome = work(prefix + name)
    except OSError as error:
        outcome = errno.errorcode.get(error.errno, str(error.errno)) if not isinstance(error, socket.gaierror) else 'no address'
        if isinstance(error, TimeoutError):
            outcome = 'timeout'
    print(f'{prefix}{name} {outcome}', flush=True)


def opened(*kind):
    made = socket.socket(*kind)
    made.settimeout(0.5)
    return made


def greet(family, address):
    def work(name):
        with opened(family, socket.SOCK_STREAM) as made:
            made.connect(address)
            made.sendall(name.encode() + b'\n')
            return 'REACHED' if made.recv(100) else 'closed'

    return work


def connect(address):
    def work(name):
        with opened(socket.AF_INET, socket.SOCK_STREAM) as made:
            made.connect(address)
            return 'REACHED'

    return work


def ask(address):
    def work(name):
        with opened(socket.AF_INET, socket.SOCK_DGRAM) as made:
            made.sendto(name.encode(), address)
            made.recv(100)
            return 'REACHED'

    return work


def checksum(data):
    total = sum(struct.unpack(f'>{len(data) // 2}H', data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def ping(kind):
    def work(name):
        with opened(socket.AF_INET, kind, socket.IPPROTO_ICMP) as made:
            body = struct.pack('>BBHHH8s', 8, 0, 0, os.getpid() & 0xFFFF, 1, b'airlock!')
            echo = body[:2] + struct.pack('>H', checksum(body)) + body[4:]
            made.sendto(echo, (given['ping'], 0))
            # A raw socket also hears what others send to this machine, its own request included.
            while True:
                answer = made.recv(2000)
                offset = 20 if kind == socket.SOCK_RAW else 0
                if answer[offset] == 0 and b'airlock!' in answer:
                    return 'REACHED'

    return work


def udp_packet(name, address, port):
    payload = name.encode() + b' ' * (len(name) % 2)
    source, destination = (socket.inet_aton(one) for one in (given['packet']['source'], address))
    udp = struct.pack('>HHHH', 40000, port, 8 + len(payload), 0) + payload
    header = struct.pack('>BBHHHBBH4s4s', 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, source, destination)
    return header[:10] + struct.pack('>H', checksum(header)) + header[12:] + udp


def raw(name):
    address, port = given['packet']['to']
    with opened(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as made:
        made.sendto(udp_packet(name, address, port), (address, 0))
        return 'sent'


def packet(name):
    address, port = given['packet']['to']
    with opened(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)) as made:
        made.bind((given['packet']['device'], 0x0800))
        ethernet = bytes.fromhex(given['packet']['hardware']) + bytes(6) + b'\x08\x00'
        made.send(ethernet + udp_packet(name, address, port))
        return 'sent'


def send_to_path(path, make):
    def work(name):
        with make() as made:
            made.sendto(name.encode(), path)
            return 'sent'

    return work


def one_of_a_pair(kind):
    # A pair needs no socket(): and yet its ends may send elsewhere if they are of the kind that names who gets a message.
    first, second = socket.socketpair(socket.AF_UNIX, kind)
    second.close()
    return first


def resolve(name):
    return 'REACHED' if socket.getaddrinfo(f'{name}.{given["domain"]}', 80, socket.AF_INET) else 'nothing'


def ring(name):
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.syscall(425, 4, ctypes.create_string_buffer(256))
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), 'io_uring')
    os.close(descriptor)
    return 'REACHED'


def a_socket(*kind):
    def work(name):
        with opened(*kind):
            return 'REACHED'

    return work


for name, (address, port) in given.get('tcp', {}).items():
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    attempt(f'tcp-{name}', greet(family, (address, port)))
for name, (address, port) in given.get('port', {}).items():
    attempt(f'port-{name}', connect((address, port)))
for name, (address, port) in given.get('udp', {}).items():
    attempt(f'udp-{name}', ask((address, port)))
if 'ping' in given:
    attempt('icmp', ping(socket.SOCK_DGRAM))
    attempt('raw-icmp', ping(socket.SOCK_RAW))
if 'packet' in given:
    attempt('raw', raw)
    attempt('packet', packet)
for name, path in given.get('unix', {}).items():
    path = path.replace('@', '\0', 1)
    attempt(f'unix-{name}', greet(socket.AF_UNIX, path))
    attempt(f'unix-datagram-{name}', send_to_path(path + '.datagrams', lambda: opened(socket.AF_UNIX, socket.SOCK_DGRAM)))
    attempt(f'unix-pair-{name}', send_to_path(path + '.datagrams', lambda: one_of_a_pair(socket.SOCK_DGRAM)))
    attempt(f'unix-raw-pair-{name}', send_to_path(path + '.datagrams', lambda: one_of_a_pair(socket.SOCK_RAW)))
if 'domain' in given:
    attempt('dns', resolve)
if given.get('kernel'):
    attempt('io_uring', ring)
    attempt('vsock', a_socket(socket.AF_VSOCK, socket.SOCK_STREAM))
    attempt('netlink', a_socket(socket.AF_NETLINK, socket.SOCK_RAW, 0))
if not is_child:
    subprocess.run([sys.executable, __file__, 'child', text])
