# SPDX-License-Identifier: Apache-2.0
"""A daemon's HTTP endpoint: uvicorn in a thread."""

from __future__ import annotations

import socket
import threading

import uvicorn
from starlette.types import ASGIApp

from offchain_workers.daemon.errors import EndpointInUseError
from offchain_workers.daemon.patience import PatientProtocol

_STOP_SECONDS = 20.0
# Longer than clients keep an idle connection (httpx 5 s, aiohttp 15 s): where the server closes
# first, the next request can meet the closing, and who sent it can't know whether it was heard.
KEEP_ALIVE_SECONDS = 20
# Of a WebSocket, in bytes; the relay's are half of it. Never compressed: they could unpack to more.
_MAX_MESSAGE = 65_536


class Endpoint:
    """The app behind a listening socket, from ``start`` to ``stop``; ``most`` connections."""

    def __init__(self, app: ASGIApp, host: str, port: int, most: int = 256) -> None:
        self._host, self._port = host, port
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            http=PatientProtocol,
            limit_concurrency=most,
            ws_max_size=_MAX_MESSAGE,
            ws_per_message_deflate=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
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
        # asyncio does so only for sockets that name their protocol, and 40 ms a request are lost.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
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
