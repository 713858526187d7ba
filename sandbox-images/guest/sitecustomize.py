"""Lets a python that was started ahead of its job wait before it opens its main file, so that the program sees no frame of ours.

Only the interpreter started with `-X airlock` waits; children do not inherit -X.
"""

import sys

if 'airlock' in getattr(sys, '_xoptions', {}):

    def wait_for_job():
        import gc
        import json
        import os
        import time

        if sys._xoptions['airlock'] == 'warm':
            for module in ('numpy', 'pandas'):
                try:
                    __import__(module)
                except Exception:
                    pass
        # Frozen objects are not walked when the interpreter ends, which saves 100 ms with pandas loaded.
        gc.collect()
        gc.freeze()
        os.write(3, b'R')
        message = b''
        while not message.endswith(b'\n'):
            part = os.read(3, 65536)
            if not part:
                os._exit(0)
            message += part
        os.close(3)
        job = json.loads(message)
        os.environ.clear()
        os.environ.update(job['env'])
        time.tzset()
        os.chdir(job['directory'])
        sys.argv[1:] = job['args']
        del sys._xoptions['airlock']

    wait_for_job()
    del wait_for_job
