# SPDX-License-Identifier: Apache-2.0
"""A server that answers as it is told, byte by byte: what well-behaved libraries never send."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

INFER = "/v2/models/toy/infer"


@dataclass
class Asked:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Told:
    """An answer: ``reset`` breaks the connection behind it, a ``status`` of 0 instead of it.
    ``drip``: seconds between the bytes of its body."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    reset: bool = False
    drip: float = 0.0


Handler = Callable[[Asked], Told]


def tell(tree: Any, status: int = 200, **more: Any) -> Told:
    """JSON."""
    return Told(status, json.dumps(tree).encode(), {"content-type": "application/json"}, **more)


class Quirky:
    """Listens until closed; ``asked`` are all requests, ``connections`` how many there were."""

    def __init__(self, handler: Handler) -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        self.handler = handler
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def inferences(self) -> list[Asked]:
        return [one for one in self.asked if one.path.endswith("/infer")]

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # A client may break the connection too.
        with suppress(ConnectionError), connection, connection.makefile("rb") as stream:
            while (asked := _read(stream)) is not None:
                self.asked.append(asked)
                told = self.handler(asked)
                if told.status:
                    _send(connection, told)
                if told.reset:
                    linger = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    return


def _send(connection: socket.socket, told: Told) -> None:
    whole = _response(told)
    if not told.drip:
        connection.sendall(whole)
        return
    head = len(whole) - len(told.body)
    connection.sendall(whole[:head])
    for byte in told.body:
        time.sleep(told.drip)
        connection.sendall(bytes([byte]))


def _read(stream: Any) -> Asked | None:
    first = stream.readline()
    if not first:
        return None
    headers: dict[str, str] = {}
    while line := stream.readline().strip():
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0)))
    return Asked(first.split()[1].decode(), headers, body)


def _response(told: Told) -> bytes:
    headers = {"content-length": str(len(told.body))} | told.headers
    lines = [f"HTTP/1.1 {told.status} X", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + told.body


@contextmanager
def quirky(handler: Handler) -> Iterator[Quirky]:
    """Such a server; the paths that a client asks first are answered like a plain one does."""
    server = Quirky(handler)
    try:
        yield server
    finally:
        server.close()
