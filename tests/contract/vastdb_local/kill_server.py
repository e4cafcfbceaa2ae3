"""Serves a catalog in a child process that can be killed and made anew in no time, since the imports are done once.

Arguments: catalog file, port (0 for a free one), access key, secret key. Writes `<pid> <port>` when a child serves; makes the
next child for every line it reads, once the last one is gone.
"""

import os
import sys
import threading

from vastdb_local import LocalVastDB


def serve(catalog, port, access_key, secret_key):
    with LocalVastDB(catalog, port=int(port), access_key=access_key, secret_key=secret_key) as server:
        sys.stdout.write(f"{os.getpid()} {server.port}\n")
        sys.stdout.flush()
        threading.Event().wait()


def main():
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            serve(*sys.argv[1:])
        os.waitpid(child, 0)
        sys.stdout.write("gone\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
