# SPDX-License-Identifier: Apache-2.0
"""A virtual node: a worker in a network namespace whose only interface is its own loopback.

``python uplink.py SOCKET PORT...`` runs inside the namespace. Nothing can dial in; what
the worker dials (on loopback, at one of the ports) is carried out through a Unix socket, which an
``Outside`` on the other side of the namespace's wall connects to the same port there.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

_PORT_BYTES = 2


def carry(one: socket.socket, other: socket.socket) -> None:
    """Bytes in both directions, until both sides have ended."""

    def copy(source: socket.socket, sink: socket.socket) -> None:
        try:
            while part := source.recv(65_536):
                sink.sendall(part)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            source.close()
            sink.close()

    threading.Thread(target=copy, args=(one, other), daemon=True).start()
    threading.Thread(target=copy, args=(other, one), daemon=True).start()


def accept(listener: socket.socket, found: Callable[[socket.socket], None]) -> None:
    """Hand every connection to ``found``, in a thread."""

    def run() -> None:
        while True:
            try:
                found(listener.accept()[0])
            except OSError:
                return

    threading.Thread(target=run, daemon=True).start()


class Outside:
    """The wall's other side: connects to loopback ports of ours on request, and to these only."""

    def __init__(self, path: Path, ports: tuple[int, ...]) -> None:
        self._ports = ports
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        accept(self._listener, self._connect)

    def close(self) -> None:
        self._listener.close()

    def _connect(self, inner: socket.socket) -> None:
        port = int.from_bytes(inner.recv(_PORT_BYTES), "big")
        if port in self._ports:
            carry(inner, socket.create_connection(("127.0.0.1", port)))
        else:
            inner.close()


def inside(path: str, ports: list[int]) -> None:
    """Listen on the namespace's loopback and carry each connection to the wall."""
    for port in ports:

        def out(inner: socket.socket, port: int = port) -> None:
            wall = socket.socket(socket.AF_UNIX)
            wall.connect(path)
            wall.sendall(port.to_bytes(_PORT_BYTES, "big"))
            carry(inner, wall)

        accept(socket.create_server(("127.0.0.1", port)), out)


def main() -> None:
    """The way out in this process, the worker in a child; settings and key come on stdin."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    settings, key = sys.stdin.readline(), sys.stdin.readline().strip()
    inside(sys.argv[1], [int(port) for port in sys.argv[2:]])
    child = subprocess.Popen(
        [sys.executable, "-c", _WORKER], stdin=subprocess.PIPE, text=True, cwd=os.getcwd()
    )
    assert child.stdin is not None
    child.stdin.write(f"{settings}{key}\n")
    child.stdin.close()
    sys.stdout.write(f"{child.pid}\n")
    sys.stdout.flush()
    sys.exit(child.wait())


_WORKER = """
import sys
from eth_account import Account
from offchain_workers import logs
from offchain_workers.config import Settings
from offchain_workers.operator import serve
logs.configure()
settings = Settings.model_validate_json(sys.stdin.readline())
serve(settings, Account.from_key(sys.stdin.readline().strip()))
"""

if __name__ == "__main__":
    main()
