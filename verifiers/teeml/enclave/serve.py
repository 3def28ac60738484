# SPDX-License-Identifier: Apache-2.0
"""The enclave's socket: one thread a connection."""

from __future__ import annotations

import socket
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from verifiers.teeml.enclave.frames import receive, send
from verifiers.teeml.enclave.service import Service
from verifiers.teeml.errors import EnclaveProtocolError

_BACKLOG = 16


class Server:
    """Listens at a Unix socket that only this account may open."""

    def __init__(self, service: Service, path: Path) -> None:
        self._service = service
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        path.unlink(missing_ok=True)
        self._socket.bind(str(path))
        path.chmod(0o600)
        self._socket.listen(_BACKLOG)

    def run(self) -> None:
        """Until ``stop``, or the process ends."""
        while True:
            try:
                accepted, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(accepted,), daemon=True).start()

    def stop(self) -> None:
        # Wakes the thread that accepts.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._path.unlink(missing_ok=True)
        self._service.close()

    def _talk(self, accepted: socket.socket) -> None:
        with Connection(accepted.detach()) as connection:
            try:
                while True:
                    answer = self._service.handle(receive(connection))
                    send(connection, answer.head, *answer.blobs)
            except (EOFError, OSError, EnclaveProtocolError):
                return
