# SPDX-License-Identifier: Apache-2.0
"""A daemon's HTTP endpoint: uvicorn in a thread."""

from __future__ import annotations

import socket
import threading

import uvicorn
from starlette.types import ASGIApp

from offchain_workers.daemon.errors import EndpointInUseError

_STOP_SECONDS = 20.0


class Endpoint:
    """The app behind a listening socket, from ``start`` to ``stop``."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self._host, self._port = host, port
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            limit_concurrency=256,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=5,
        )
        self._server = uvicorn.Server(config)
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self._host}:{self._port}"

    def start(self) -> None:
        """Listen. Raises EndpointInUseError."""
        try:
            self._socket = socket.create_server((self._host, self._port))
        except OSError as error:
            raise EndpointInUseError(f"{self._host}:{self._port}: {error.strerror}") from error
        self._port = self._socket.getsockname()[1]
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="http", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Answer what is being answered, then close."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)
        if self._socket is not None:
            self._socket.close()
