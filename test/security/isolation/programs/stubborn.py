"""A tree of processes that do not want to end: deaf to signals, without parents, in sessions of their own, stopped."""

import os
import signal
import time

for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)


def forked(*steps):
    if os.fork() == 0:
        for step in steps:
            step()
        while True:
            time.sleep(1)


def again():
    if os.fork() != 0:
        os._exit(0)


forked()
forked(again)
forked(os.setsid)
forked(os.setsid, again)
forked(lambda: os.kill(os.getpid(), signal.SIGSTOP))
time.sleep(0.5)
print('up', flush=True)
while True:
    time.sleep(1)
