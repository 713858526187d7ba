"""What the probes try to reach: answers on every kind of socket, and prints the name of each probe that arrived.

Started with {"address", "tcp", "udp", "name", "directory"} as its one argument; says "ready" once all listen.
"""

import json
import os
import socket
import struct
import sys
import threading

given = json.loads(sys.argv[1])


def say(line):
    os.write(1, (line + '\n').encode())


def stream(server):
    def answer(connection):
        with connection:
            connection.settimeout(5)
            try:
                say('arrived ' + connection.recv(200).decode(errors='replace').strip())
                connection.sendall(b'hello\n')
            except OSError:
                pass

    server.listen(64)
    while True:
        connection, _ = server.accept()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def datagrams(server):
    while True:
        text, sender = server.recvfrom(2000)
        say('arrived ' + text.decode(errors='replace').strip())
        if isinstance(sender, tuple):
            server.sendto(b'hello', sender)


def names(server):
    """A name server that knows one address, and tells which names were asked for: the probe's name is their first part."""
    while True:
        query, sender = server.recvfrom(2000)
        say('arrived ' + query[13 : 13 + query[12]].decode(errors='replace'))
        is_ipv4 = query.rstrip()[-4:] == b'\x00\x01\x00\x01'
        answer = b'\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x01\x00\x04\x01\x02\x03\x04' if is_ipv4 else b''
        end = query.index(b'\0', 12) + 5
        header = query[:2] + b'\x81\x80\x00\x01' + struct.pack('>H', 1 if is_ipv4 else 0) + b'\0\0\0\0'
        server.sendto(header + query[12:end] + answer, sender)


def serve(work, family, kind, address):
    server = socket.socket(family, kind)
    if family in (socket.AF_INET, socket.AF_INET6):
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    server.bind(address)
    threading.Thread(target=work, args=(server,)).start()


serve(stream, socket.AF_INET, socket.SOCK_STREAM, ('0.0.0.0', given['tcp']))
serve(stream, socket.AF_INET6, socket.SOCK_STREAM, ('::', given['tcp']))
serve(datagrams, socket.AF_INET, socket.SOCK_DGRAM, ('0.0.0.0', given['udp']))
serve(names, socket.AF_INET, socket.SOCK_DGRAM, (given['address'], 53))
for path in ('\0' + given['name'], given['directory'] + '/outside'):
    serve(stream, socket.AF_UNIX, socket.SOCK_STREAM, path)
    serve(datagrams, socket.AF_UNIX, socket.SOCK_DGRAM, path + '.datagrams')
say('ready')
