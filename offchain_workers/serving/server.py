# SPDX-License-Identifier: Apache-2.0
"""The application behind a socket, until a signal says stop."""

from __future__ import annotations

import signal
import socket
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from offchain_workers.serving.errors import AddressInUseError

_DRAIN_SECONDS = 20
_BACKLOG = 512


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, of the system's choice with port 0. Raises AddressInUseError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise AddressInUseError(f"{host}:{port}: {error.strerror}") from error


def serve(app: ASGIApp, listening: socket.socket) -> None:
    """Blocks; on SIGTERM or SIGINT answers what is being answered and returns."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    # uvicorn hands a signal on once it has stopped: here it has been heard.
    before = {one: signal.signal(one, _heard) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        uvicorn.Server(config).run([listening])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _heard(number: int, frame: FrameType | None) -> None:
    return
