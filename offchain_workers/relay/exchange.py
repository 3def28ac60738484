# SPDX-License-Identifier: Apache-2.0
"""One HTTP request through the relay: from whoever asked to the worker, and its answer back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope
from starlette.types import Send as AsgiSend

from offchain_workers.relay.errors import (
    ProtocolError,
    RelayError,
    StreamBrokenError,
    busy,
    late_answer,
    no_answer,
    too_large,
    too_slow,
)
from offchain_workers.relay.heads import Request, Response, announced
from offchain_workers.relay.link import Link
from offchain_workers.relay.quota import Limits, Quota
from offchain_workers.relay.stream import Stream


@dataclass
class Node:
    """A connected worker."""

    link: Link
    quota: Quota
    # Ends the connection: a WebSocket close code and a reason.
    hang_up: Callable[[int, str], None]


class Exchange:
    """One request; ``run`` answers it, whatever happens, or leaves the connection to be closed."""

    def __init__(self, node: Node, limits: Limits, receive: Receive, send: AsgiSend) -> None:
        self._node = node
        self._limits = limits
        self._receive = receive
        self._send = send
        self._started = False
        self._gone = False
        self._fault: RelayError | None = None
        self._uploaded = 0
        self._moved = 0
        self._begun = 0.0
        self._clock = asyncio.timeout(None)

    async def run(self, scope: Scope, request: Request) -> None:
        try:
            await self._forward(request)
        except RelayError as error:
            await self._refuse(scope, error)
        except ProtocolError as error:
            self._node.hang_up(1002, error.message)
            await self._refuse(scope, no_answer(f"the worker broke the protocol: {error.message}"))
        except StreamBrokenError as error:
            fault = self._fault or no_answer(f"no answer of the worker: {error.message}")
            await self._refuse(scope, fault)

    async def _forward(self, request: Request) -> None:
        if (announced(request.headers) or 0) > self._limits.max_body:
            raise too_large(self._limits.max_body)
        self._node.quota.admit()
        early, more = await self._gather()
        if self._gone:
            return
        if self._node.link.open_streams >= self._limits.max_streams:
            raise busy("this worker has as many requests as the relay lets through at once", 1)
        try:
            async with asyncio.timeout(None) as self._clock:
                self._begun = asyncio.get_running_loop().time()
                await self._carry(request, early, more)
        except TimeoutError:
            raise late_answer() from None

    async def _gather(self) -> tuple[bytes, bool]:
        """The beginning of the body, before it costs the worker anything; whether there is more."""
        data, more = bytearray(), True
        try:
            async with asyncio.timeout(self._limits.early_seconds):
                while more and len(data) < self._limits.early_bytes and not self._gone:
                    part, more = await self._next()
                    data += part
        except TimeoutError:
            raise too_slow() from None
        return bytes(data), more

    async def _carry(self, request: Request, early: bytes, more: bool) -> None:
        stream = await self._node.link.open(request.pack())
        upload = asyncio.create_task(self._upload(stream, early, more))
        try:
            await self._download(stream, request.method)
        finally:
            upload.cancel()
            await asyncio.wait([upload])
            await self._node.link.close(stream)

    async def _upload(self, stream: Stream, part: bytes, more: bool) -> None:
        """The request's body; then wait for the asker to go away."""
        try:
            await self._give(stream, part)
            while more and not self._gone:
                part, more = await self._next()
                await self._give(stream, part)
            if not self._gone:
                await stream.end()
            while not self._gone:
                await self._next()
            stream.fail("whoever asked is gone")
        except RelayError as error:
            self._fault = error
            stream.fail(error.message)
        except StreamBrokenError:
            return  # the download meets it too

    async def _give(self, stream: Stream, part: bytes) -> None:
        self._uploaded += len(part)
        if self._uploaded > self._limits.max_body:
            raise too_large(self._limits.max_body)
        self._count(part)
        await stream.write(part)

    async def _next(self) -> tuple[bytes, bool]:
        message: Message = await self._receive()
        self._gone = self._gone or message["type"] == "http.disconnect"
        return message.get("body", b""), bool(message.get("more_body", False))

    async def _download(self, stream: Stream, method: str) -> None:
        self._earn()
        response = Response.unpack(await stream.head())
        bodiless = method == "HEAD" or response.status in (204, 304)
        if not bodiless and (response.length or 0) > self._limits.max_body:
            raise no_answer("the answer is larger than this relay carries")
        self._started = True
        start = {"status": response.status, "headers": response.headers}
        await self._send({"type": "http.response.start", **start})
        if not bodiless:
            await self._body(stream, response.length)
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _body(self, stream: Stream, length: int | None) -> None:
        sent = 0
        while part := await stream.read():
            sent += len(part)
            if sent > (self._limits.max_body if length is None else length):
                raise ProtocolError("an answer longer than announced, or than the relay carries")
            self._count(part)
            await self._send({"type": "http.response.body", "body": part, "more_body": True})
        if length is not None and sent < length:
            raise ProtocolError("an answer shorter than announced")

    def _count(self, part: bytes) -> None:
        self._moved += len(part)
        self._node.quota.moved(len(part))
        self._earn()

    def _earn(self) -> None:
        """Bytes that flow buy time."""
        if not self._clock.expired():
            earned = self._moved / self._limits.slowest_bytes_per_second
            self._clock.reschedule(self._begun + self._limits.grace_seconds + earned)

    async def _refuse(self, scope: Scope, error: RelayError) -> None:
        """Once an answer has begun, only its missing end can tell that it is not whole."""
        if not self._started and not self._gone:
            await refuse(error)(scope, self._receive, self._send)


def refuse(error: RelayError) -> JSONResponse:
    """The relay's own answer."""
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
    body = {"error": {"code": error.code, "message": error.message}}
    return JSONResponse(body, error.status, headers)
