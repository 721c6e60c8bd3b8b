"""The JSON API of Google's storage on a free port of loopback, which it prints: ``python gcs_server.py BUCKET``."""

# ruff: noqa: T201 - what it prints is what it is asked
# What it serves with is in an environment of its own.
# pyright: reportMissingImports=false

from __future__ import annotations

import sys
from functools import partial
from http.server import ThreadingHTTPServer

from gcp_storage_emulator.handlers import buckets
from gcp_storage_emulator.server import RequestHandler
from gcp_storage_emulator.storage import Storage

if __name__ == "__main__":
    storage = Storage(use_memory_fs=True)
    buckets.create_bucket(sys.argv[1], storage)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(RequestHandler, storage)) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
