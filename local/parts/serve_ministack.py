"""Starts MiniStack, the AWS emulator, so that it leaves the machine to what it emulates. In a few words of measurement, on two cores:

- uvloop, uvicorn with its parser in C in the place of hypercorn's in Python, and a rarer garbage collection let it answer a request
  with about two thirds of the work; it keeps everything in memory, and the collector's usual thresholds make it walk through all of that
  many times a second.
- It asks the container engine ten times a second, for every task, whether it still runs. Eight idle sandboxes cost a quarter of a core
  for ever. Once a second is enough: nothing of Airlock waits for that answer.
"""

import gc
import sys
import time
from types import SimpleNamespace

import hypercorn.asyncio
import uvicorn
import uvloop
from ministack.app import main
from ministack.services import ecs

WATCH_EVERY_SECONDS = {0.1: 1.0}


def _sleep(seconds: float) -> None:
    time.sleep(WATCH_EVERY_SECONDS.get(seconds, seconds))


async def _serve(app, config) -> None:
    """What MiniStack asks of hypercorn. It writes its own Date and Server headers."""
    host, port = config.bind[0].rsplit(":", 1)
    settings = uvicorn.Config(
        app,
        host=host,
        port=int(port),
        loop="none",
        http="httptools",
        ws="wsproto",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=int(config.keep_alive_timeout),
        timeout_graceful_shutdown=int(config.graceful_timeout),
    )
    await uvicorn.Server(settings).serve()


if __name__ == "__main__":
    gc.set_threshold(50_000, 20, 100)
    # Its own name for the module, and nobody else's: only this service's loop is slowed down.
    ecs.time = SimpleNamespace(**{**vars(time), "sleep": _sleep})
    uvloop.install()
    hypercorn.asyncio.serve = _serve
    sys.argv = ["ministack"]
    main()
