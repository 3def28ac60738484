# SPDX-License-Identifier: Apache-2.0
"""The worker's side of a link: each stream is a request to the worker's own ASGI application.

No socket is opened for it, and the relay is not trusted: it may ask what anybody may ask.
"""

from __future__ import annotations

import asyncio

import structlog
from starlette.types import ASGIApp, Message, Scope

from offchain_workers.relay.errors import StreamBrokenError
from offchain_workers.relay.heads import Request, pack_response
from offchain_workers.relay.link import Link
from offchain_workers.relay.stream import Send, Stream

log = structlog.get_logger(__name__)


class Answering:
    """The requests that came over one connection. ``host``: what the Host header says."""

    def __init__(self, app: ASGIApp, send: Send, host: str, most: int) -> None:
        self.link = Link(send, self._open)
        self._app = app
        self._host = host
        self._most = most
        self._tasks: set[asyncio.Task[None]] = set()

    async def drain(self, seconds: float) -> None:
        """Let what is being answered end, for so long."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    async def close(self) -> None:
        """The connection is gone: stop what still runs."""
        self.link.die("the connection to the relay ended")
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _open(self, stream: Stream, head: bytes) -> None:
        """Raises ProtocolError for a request that no relay of ours sends."""
        request = Request.unpack(head)
        full = len(self._tasks) >= self._most
        task = asyncio.create_task(self._answer(stream, None if full else request))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def _answer(self, stream: Stream, request: Request | None) -> None:
        """``request`` None: there are too many already."""
        try:
            if request is not None:
                await self._run(stream, request)
        finally:
            await self.link.close(stream)

    async def _run(self, stream: Stream, request: Request) -> None:
        """The application's answer, until it is whole or nobody waits for it."""
        exchange = _Exchange(stream)
        answer = asyncio.ensure_future(
            self._app(self._scope(request), exchange.receive, exchange.send)
        )
        given_up = asyncio.create_task(stream.broken())
        try:
            await asyncio.wait({answer, given_up}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            answer.cancel()
            given_up.cancel()
            await asyncio.wait({answer, given_up})
        if not answer.cancelled():
            _report(answer.exception())

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            _report(task.exception())

    def _scope(self, request: Request) -> Scope:
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": request.path,
            "raw_path": request.path.encode(),
            "query_string": request.query,
            "root_path": "",
            "headers": [(b"host", self._host.encode()), *request.headers],
            "client": None,
            "server": None,
        }


class _Exchange:
    """What an ASGI server is to its application."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._whole = False

    async def receive(self) -> Message:
        if self._whole:
            await self._stream.broken()
            return {"type": "http.disconnect"}
        try:
            body = await self._stream.read()
        except StreamBrokenError:
            return {"type": "http.disconnect"}
        self._whole = not body
        return {"type": "http.request", "body": body, "more_body": not self._whole}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            head = pack_response(message["status"], message.get("headers", ()))
            await self._stream.send_head(head)
            return
        await self._stream.write(message.get("body", b""))
        if not message.get("more_body", False):
            await self._stream.end()


def _report(error: BaseException | None) -> None:
    """An application that failed; that nobody waits any more is no failure."""
    if error is not None and not isinstance(error, StreamBrokenError):
        log.warning("a request through the relay failed", reason=repr(error))
