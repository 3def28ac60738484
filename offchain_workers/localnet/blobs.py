# SPDX-License-Identifier: Apache-2.0
"""The publisher's blob server: models and cards under their hashes, read-only."""

from __future__ import annotations

import socket
import threading

import uvicorn
from fastapi import Depends, FastAPI, HTTPException

from offchain_workers.storage import LocalStore
from offchain_workers.storage.serve import blob_router


def _refuse() -> None:
    raise HTTPException(status_code=405, detail="this server takes no blobs")


class BlobServer:
    """Serves ``store`` on 127.0.0.1 from a thread; ``url`` is its base."""

    def __init__(self, store: LocalStore, max_bytes: int, port: int) -> None:
        app = FastAPI(title="blobs")
        app.include_router(blob_router(store, max_bytes, [Depends(_refuse)]))
        # Bound here, so that the port is ours before anyone is told of it.
        self._socket = socket.create_server(("127.0.0.1", port))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._socket.close()
