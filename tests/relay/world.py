# SPDX-License-Identifier: Apache-2.0
"""A relay that really listens, workers that really dial it, and peers that don't keep the rules."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
from eth_account import Account
from eth_account.signers.local import LocalAccount
from fastapi import FastAPI, Request, Response
from starlette.types import ASGIApp
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from offchain_workers.daemon.endpoint import Endpoint
from offchain_workers.devnet import process
from offchain_workers.relay.auth import Place
from offchain_workers.relay.dial import Redial, RelayEndpoint
from offchain_workers.relay.frames import Kind, pack, unpack
from offchain_workers.relay.quota import Limits
from offchain_workers.relay.server import Admit, Relay, anyone
from tests.operator.world import until

CHAIN = 31_337
QUICK = Redial(first=0.05, most=0.2, login=5, beat=0.2, silence=2)


class Site:
    """A relay on a port of its own."""

    def __init__(self, limits: Limits | None = None, admit: Admit = anyone) -> None:
        self.port = process.free_port(None)
        self.place = Place(f"http://127.0.0.1:{self.port}", CHAIN)
        self._limits, self._admit = limits, admit
        self.start()

    def start(self) -> None:
        self.client = httpx.Client(trust_env=False, timeout=20)
        self.relay = Relay(self.place, self._limits, self._admit)
        self._endpoint = Endpoint(self.relay.app, "127.0.0.1", self.port)
        self._endpoint.start()

    def stop(self) -> None:
        self.client.close()
        self._endpoint.stop()

    def url(self, account: LocalAccount, path: str = "") -> str:
        return f"{self.place.url}/nodes/{account.address}{path}"

    def get(self, account: LocalAccount, path: str, **more: Any) -> httpx.Response:
        return self.client.get(self.url(account, path), **more)

    @contextmanager
    def worker(
        self,
        app: ASGIApp | None = None,
        account: LocalAccount | None = None,
        redial: Redial = QUICK,
        most: int = 64,
    ) -> Iterator[RelayEndpoint]:
        """A worker that is connected."""
        account = account or Account.create()
        endpoint = RelayEndpoint(app or api(), self.place, account, redial, most)
        endpoint.start()
        try:
            until(lambda: endpoint.connected and self.relay.connected(account.address))
            yield endpoint
        finally:
            endpoint.stop()

    def login(self, account: LocalAccount | None = None) -> Raw:
        """A worker in the hands of the test, logged in."""
        raw = Raw(self, account or Account.create())
        answer = self.place.answer(str(raw.socket.recv(10)), raw.account)
        raw.socket.send(answer)
        assert json.loads(raw.socket.recv(10)) == {"ok": True}
        until(lambda: self.relay.connected(raw.account.address))
        return raw

    def raw_http(self, request: bytes) -> bytes:
        """Whatever the relay answers to these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as wire:
            wire.sendall(request)
            wire.settimeout(20)
            answer = b""
            while part := _receive(wire):
                answer += part
        return answer


def _receive(wire: socket.socket) -> bytes:
    try:
        return wire.recv(65_536)
    except ConnectionResetError:
        return b""


class Raw:
    """A WebSocket to the relay."""

    def __init__(self, site: Site, account: LocalAccount) -> None:
        self.site, self.account = site, account
        self.socket: ClientConnection = connect(
            f"ws://127.0.0.1:{site.port}/dial", compression=None, max_size=None, proxy=None
        )

    def take(self, kind: Kind) -> tuple[int, bytes]:
        """The next frame of a kind: stream and payload."""
        while True:
            message = self.socket.recv(10)
            assert isinstance(message, bytes)
            found, stream, payload = unpack(message)
            if found is kind:
                return stream, payload

    def send(self, kind: Kind, stream: int, payload: bytes = b"") -> None:
        self.socket.send(pack(kind, stream, payload))

    def head(self, stream: int, status: int = 200, *headers: tuple[str, str]) -> None:
        self.send(Kind.HEAD, stream, json.dumps({"status": status, "headers": headers}).encode())

    def waiting(self) -> list[int]:
        """The kinds of the frames that are here."""
        kinds = []
        with suppress(TimeoutError):
            while True:
                kinds.append(self.socket.recv(0.05)[0])
        return [int(kind) for kind in kinds]

    def closed(self) -> int:
        """Reads until the relay closes; its code."""
        with suppress(ConnectionClosed):
            while True:
                self.socket.recv(10)
        return self.socket.close_code or 0


def api() -> FastAPI:
    """A worker's application, small."""
    app = FastAPI()

    @app.get("/health")
    def health() -> dict[str, bool]:
        return {"live": True}

    @app.api_route("/echo", methods=["PUT", "POST"])
    async def echo(request: Request) -> Response:
        seen = {f"x-{name}": value for name, value in request.headers.items()}
        return Response(await request.body(), headers={"etag": json.dumps(seen)})

    @app.get("/query")
    def query(request: Request) -> dict[str, str]:
        return {"query": request.url.query, "path": request.url.path}

    @app.head("/probe")
    def probe() -> Response:
        return Response(headers={"etag": '"x"'})

    @app.get("/crash")
    def crash() -> None:
        raise ValueError("a bug")

    return app


def code(response: httpx.Response) -> str:
    """Of an answer that the relay itself gave."""
    return str(response.json()["error"]["code"])
