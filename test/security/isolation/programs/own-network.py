"""Runs a command beside what a task has in its own network: a metadata service, a credential service, a supervisor.

own-network.py COMMAND...: gives the loopback device the two addresses, listens there, and ends with the command.
"""

import fcntl
import socket
import struct
import subprocess
import sys
import threading

SET_ADDRESS, SET_FLAGS, UP = 0x8916, 0x8914, 1

control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(control, SET_FLAGS, struct.pack('16sh14x', b'lo', UP))
for number, address in enumerate(('169.254.169.254', '169.254.170.2')):
    name = f'lo:{number}'.encode()
    fcntl.ioctl(control, SET_ADDRESS, struct.pack('16sHH4s8x', name, socket.AF_INET, 0, socket.inet_aton(address)))


def listen(address):
    server = socket.create_server(address)

    def accept():
        while True:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b'HTTP/1.0 200 OK\r\n\r\nsecret\n')

    threading.Thread(target=accept, daemon=True).start()


for address in (('169.254.169.254', 80), ('169.254.170.2', 80), ('127.0.0.1', 8090)):
    listen(address)
sys.exit(subprocess.run(sys.argv[1:]).returncode)
