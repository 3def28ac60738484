# SPDX-License-Identifier: Apache-2.0
"""Real HTTP servers on a free port of this machine: an honest one and one that lies."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI

from offchain_workers.storage import LocalStore
from offchain_workers.storage.serve import blob_router

MAX_SERVED = 100_000


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, LocalStore]]:
    """(base URL, the store behind it) of a running blob server."""
    store = LocalStore(tmp_path / "served")
    app = FastAPI()
    app.include_router(blob_router(store, MAX_SERVED))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive(), "the blob server did not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}", store
    server.should_exit = True
    thread.join()


Reply = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def lying_server() -> Iterator[Callable[[Reply], str]]:
    """Start a server that answers every GET as told; returns its base URL."""
    servers: list[ThreadingHTTPServer] = []

    def start(reply: Reply) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                reply(self)

            def log_message(self, *args: object) -> None:
                """Keep the test output quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
