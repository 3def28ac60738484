# SPDX-License-Identifier: Apache-2.0
"""One connection between relay and worker, and the streams on it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from offchain_workers.relay.errors import ProtocolError, StreamBrokenError
from offchain_workers.relay.frames import Kind, pack, read_credit, unpack
from offchain_workers.relay.stream import Send, Stream

_LAST = 2**32 - 1


class Link:
    """``send`` raises StreamBrokenError when the connection is gone. ``feed`` takes the other
    side's messages and never waits, so that a slow stream can't hold up the others.
    ``on_open``: for the worker's side, what an OPEN starts."""

    def __init__(self, send: Send, on_open: Callable[[Stream, bytes], None] | None = None) -> None:
        self._send = send
        self._on_open = on_open
        self._streams: dict[int, Stream] = {}
        self._number = 0
        self._heard = time.monotonic()
        self._dead: str | None = None

    @property
    def open_streams(self) -> int:
        return len(self._streams)

    async def open(self, head: bytes) -> Stream:
        """A new stream with this request's head. Raises StreamBrokenError on a dead link."""
        if self._dead is not None:
            raise StreamBrokenError(self._dead)
        self._number = self._number % _LAST + 1
        stream = Stream(self._number, self._send)
        self._streams[stream.number] = stream
        await self._send(pack(Kind.OPEN, stream.number, head))
        return stream

    async def close(self, stream: Stream) -> None:
        """Forget a stream; the other side is told unless it knows that it is over."""
        self._streams.pop(stream.number, None)
        stream.fail("closed")
        if not stream.done and self._dead is None:
            with suppress(StreamBrokenError):
                await self._send(pack(Kind.RESET, stream.number))

    def feed(self, message: bytes) -> None:
        """One message of the other side. Raises ProtocolError."""
        kind, number, payload = unpack(message)
        self._heard = time.monotonic()
        if kind is Kind.OPEN:
            self._opened(number, payload)
        elif (stream := self._streams.get(number)) is not None:
            self._deliver(kind, stream, payload)
        # Frames of a stream that we just closed are still on their way.

    def die(self, reason: str) -> None:
        """The connection is gone: every stream fails."""
        self._dead = self._dead or reason
        streams, self._streams = list(self._streams.values()), {}
        for stream in streams:
            stream.fail(reason)

    async def beat(self, seconds: float, patience: float) -> None:
        """Send a PING now and then; returns when the other side neither says nor takes anything
        for ``patience`` seconds."""
        while time.monotonic() - self._heard < patience:
            try:
                await asyncio.wait_for(self._send(pack(Kind.PING, 0)), patience)
            except (TimeoutError, StreamBrokenError):
                return
            await asyncio.sleep(seconds)

    def _opened(self, number: int, head: bytes) -> None:
        if self._on_open is None or number in self._streams:
            raise ProtocolError("a stream that may not be opened")
        stream = Stream(number, self._send)
        self._streams[number] = stream
        self._on_open(stream, head)

    def _deliver(self, kind: Kind, stream: Stream, payload: bytes) -> None:
        if kind is Kind.DATA:
            stream.take_data(payload)
        elif kind is Kind.CREDIT:
            stream.take_credit(read_credit(payload))
        elif kind is Kind.END:
            stream.take_end()
        elif kind is Kind.HEAD:
            stream.take_head(payload)
        elif kind is Kind.RESET:
            stream.take_reset()
