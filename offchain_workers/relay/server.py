# SPDX-License-Identifier: Apache-2.0
"""The relay as an ASGI application, to be served by itself or mounted in another.

``/dial`` is where workers come in, ``/nodes/<operator>/...`` where others reach them.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope
from starlette.types import Send as AsgiSend
from starlette.websockets import WebSocket, WebSocketDisconnect

from offchain_workers.relay.auth import Place, refused
from offchain_workers.relay.errors import (
    LoginRefusedError,
    ProtocolError,
    RelayError,
    StreamBrokenError,
    bad_request,
    not_connected,
)
from offchain_workers.relay.exchange import Exchange, Node, refuse
from offchain_workers.relay.heads import Request, check_request, request_headers
from offchain_workers.relay.link import Link
from offchain_workers.relay.quota import Limits, Quota
from offchain_workers.relay.stream import Send

log = structlog.get_logger(__name__)

# WebSocket close codes of ours, told to the worker.
REPLACED, REFUSED = 4001, 4003
_SILENT, _TRY_LATER = 1001, 1013
_CLOSE_SECONDS = 5.0
_OPERATOR = re.compile(r"0x[0-9a-fA-F]{40}")

Admit = Callable[[str], Awaitable[bool]]


async def anyone(_: str) -> bool:
    """Admits every key."""
    return True


class Relay:
    """``place``: the URL under which workers and others know this relay, and its chain.

    ``admit`` says of a checksummed address whether its worker may connect. ``app`` is to be served
    by one event loop. Raises nothing: what goes wrong is answered, with a code.
    """

    def __init__(self, place: Place, limits: Limits | None = None, admit: Admit = anyone) -> None:
        self._place = place
        self._limits = limits or Limits()
        self._admit = admit
        self._nodes: dict[str, Node] = {}
        self._quotas: OrderedDict[str, Quota] = OrderedDict()
        self._logins = 0
        self.app = Starlette(
            routes=[
                Route("/health", self._health),
                WebSocketRoute("/dial", self._dial),
                Route("/nodes/{operator}/{path:path}", _Forward(self._forward)),
            ]
        )

    def connected(self, operator: str) -> bool:
        """Whether this operator's worker is there now."""
        return operator.lower() in self._nodes

    async def _health(self, _: HttpRequest) -> JSONResponse:
        return JSONResponse({"live": True, "nodes": len(self._nodes)})

    # --- whoever asks for a worker --------------------------------------------------------------

    async def _forward(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        try:
            operator, request = _asked(scope)
            node = self._nodes.get(operator.lower())
            if node is None:
                raise not_connected(operator)
        except RelayError as error:
            await refuse(error)(scope, receive, send)
            return
        await Exchange(node, self._limits, receive, send).run(scope, request)

    # --- workers --------------------------------------------------------------------------------

    async def _dial(self, socket: WebSocket) -> None:
        if self._logins >= self._limits.max_logins:
            await socket.close(_TRY_LATER)
            return
        self._logins += 1
        try:
            operator = await self._login(socket)
        finally:
            self._logins -= 1
        if operator is not None:
            await self._serve(socket, operator)

    async def _login(self, socket: WebSocket) -> str | None:
        """The operator whose worker this is; None when it was sent away."""
        await socket.accept()
        try:
            async with asyncio.timeout(self._limits.login_seconds):
                operator = await self._challenge(socket)
                await socket.send_text(json.dumps({"ok": True}))
                return operator
        except TimeoutError:
            await _close(socket, REFUSED, "no login in time")
        except LoginRefusedError as error:
            log.info("worker refused", code=error.code, reason=error.message)
            answer = {"error": {"code": error.code, "message": error.message}}
            with suppress(WebSocketDisconnect, RuntimeError):
                await socket.send_text(json.dumps(answer))
            await _close(socket, REFUSED, "refused")
        except WebSocketDisconnect:
            pass
        return None

    async def _challenge(self, socket: WebSocket) -> str:
        """Raises LoginRefusedError, WebSocketDisconnect."""
        nonce, challenge = self._place.challenge()
        await socket.send_text(challenge)
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        operator = self._place.operator(message.get("text") or "", nonce)
        if not await self._admit(operator):
            raise refused(f"{operator} may not connect: this relay serves registered operators")
        if operator.lower() not in self._nodes and len(self._nodes) >= self._limits.max_nodes:
            raise refused("this relay has no place for another worker")
        return operator

    async def _serve(self, socket: WebSocket, operator: str) -> None:
        """Until either side ends the connection, or the same key connects again."""
        link = Link(_sender(socket))
        ended: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

        def hang_up(code: int, reason: str) -> None:
            if not ended.done():
                ended.set_result((code, reason))

        node = Node(link, self._quota(operator), hang_up)
        before = self._nodes.get(operator.lower())
        self._nodes[operator.lower()] = node
        if before is not None:
            before.hang_up(REPLACED, "another connection of this key")
        log.info("worker connected", operator=operator, replaced=before is not None)
        try:
            code, reason = await self._until_over(socket, link, ended)
        finally:
            if self._nodes.get(operator.lower()) is node:
                del self._nodes[operator.lower()]
            link.die("the worker's connection ended")
        log.info("worker disconnected", operator=operator, code=code, reason=reason)
        await _close(socket, code, reason)

    async def _until_over(
        self, socket: WebSocket, link: Link, ended: asyncio.Future[tuple[int, str]]
    ) -> tuple[int, str]:
        reader = asyncio.create_task(_read(socket, link))
        beat = asyncio.create_task(
            link.beat(self._limits.beat_seconds, self._limits.silence_seconds)
        )
        try:
            waiting: set[asyncio.Future[Any]] = {reader, beat, ended}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            reader.cancel()
            beat.cancel()
            await asyncio.wait({reader, beat})
        if ended.done():
            return ended.result()
        if reader.cancelled():
            return _SILENT, "the worker fell silent"
        return reader.result()

    def _quota(self, operator: str) -> Quota:
        """The operator's own, however often it connects; the oldest are forgotten."""
        quota = self._quotas.pop(operator, None) or Quota(self._limits)
        self._quotas[operator] = quota
        while len(self._quotas) > 4 * self._limits.max_nodes:
            self._quotas.popitem(last=False)
        return quota


class _Forward:
    """Starlette takes an object for an ASGI application, with every method."""

    def __init__(self, forward: Callable[[Scope, Receive, AsgiSend], Awaitable[None]]) -> None:
        self._forward = forward

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        await self._forward(scope, receive, send)


def _asked(scope: Scope) -> tuple[str, Request]:
    """Whose worker, and what of it. Raises MN-RELAY-001."""
    found: dict[str, Any] = scope["path_params"]
    operator, path = found["operator"], f"/{found['path']}"
    if not _OPERATOR.fullmatch(operator):
        raise bad_request("write /nodes/, the operator's address, and the worker's path")
    # What the server decoded may have been something else to whoever is in front of it.
    if b"%" in scope.get("raw_path", b""):
        raise bad_request("the path may not have escapes")
    query: bytes = scope["query_string"]
    check_request(scope["method"], path, query)
    return operator, Request(scope["method"], path, query, request_headers(scope["headers"]))


def _sender(socket: WebSocket) -> Send:
    async def send(message: bytes) -> None:
        try:
            await socket.send_bytes(message)
        except (WebSocketDisconnect, RuntimeError) as error:
            raise StreamBrokenError("the worker's connection ended") from error

    return send


async def _read(socket: WebSocket, link: Link) -> tuple[int, str]:
    """Feeds the link until the worker leaves or breaks the rules."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return message.get("code", 1000), "the worker left"
        try:
            link.feed(message.get("bytes") or b"")
        except ProtocolError as error:
            return 1002, error.message


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    """Politely, if the other side still listens."""
    with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await socket.close(code, reason[:100])
