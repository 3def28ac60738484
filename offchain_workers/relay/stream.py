# SPDX-License-Identifier: Apache-2.0
"""One exchange over a link: two flows of bytes, neither ever more than a window ahead."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from offchain_workers.relay.errors import ProtocolError, StreamBrokenError
from offchain_workers.relay.frames import MAX_PAYLOAD, WINDOW, Kind, pack, pack_credit

Send = Callable[[bytes], Awaitable[None]]


class Stream:
    """Used by one event loop. ``take_*`` are what the link calls for frames; they never wait."""

    def __init__(self, number: int, send: Send) -> None:
        self.number = number
        self._send = send
        self._buffer = bytearray()
        self._taken = 0  # read, not yet given back as credit
        self._allowance = WINDOW  # what the other side may still send
        self._credit = WINDOW  # what we may still send
        self._head: bytes | None = None
        self._finished = False
        self._ended = False
        self._given_up = False
        self._broken: str | None = None
        self._news = asyncio.Event()  # head, data, end
        self._room = asyncio.Event()  # credit
        self._over = asyncio.Event()  # broken

    # --- what the other side sent ---------------------------------------------------------------

    async def head(self) -> bytes:
        """The response's head. Raises StreamBrokenError."""
        while self._head is None:
            await self._wait(self._news)
        return self._head

    async def read(self) -> bytes:
        """What has arrived, at most a window; empty after the last. Raises StreamBrokenError."""
        while not self._buffer and not self._finished:
            await self._wait(self._news)
        data = bytes(self._buffer)
        self._buffer.clear()
        self._taken += len(data)
        if self._taken >= WINDOW // 2 and not self._finished:
            count, self._taken = self._taken, 0
            self._allowance += count
            await self._send(pack_credit(self.number, count))
        return data

    # --- what we send ---------------------------------------------------------------------------

    async def send_head(self, payload: bytes) -> None:
        await self._send(pack(Kind.HEAD, self.number, payload))

    async def write(self, data: bytes) -> None:
        """Waits for the other side's credit. Raises StreamBrokenError."""
        view = memoryview(data)
        while view:
            while not self._credit:
                await self._wait(self._room)
            self._check()
            part, view = _split(view, min(self._credit, MAX_PAYLOAD))
            self._credit -= len(part)
            await self._send(pack(Kind.DATA, self.number, part))

    async def end(self) -> None:
        """Nothing more from us."""
        self._ended = True
        await self._send(pack(Kind.END, self.number))

    @property
    def done(self) -> bool:
        """Whether the other side knows that it is over."""
        return self._given_up or (self._ended and self._finished)

    # --- frames ---------------------------------------------------------------------------------

    def take_head(self, payload: bytes) -> None:
        if self._head is not None:
            raise ProtocolError("a second head on one stream")
        self._head = payload
        self._news.set()

    def take_data(self, data: bytes) -> None:
        if self._finished or len(data) > self._allowance:
            raise ProtocolError("data beyond the end or the credit of a stream")
        self._allowance -= len(data)
        self._buffer += data
        self._news.set()

    def take_end(self) -> None:
        self._finished = True
        self._news.set()

    def take_credit(self, count: int) -> None:
        self._credit += count
        if self._credit > WINDOW:
            raise ProtocolError("more credit than a window")
        self._room.set()

    def take_reset(self) -> None:
        self._given_up = True
        self.fail("the other side gave it up")

    def fail(self, reason: str) -> None:
        """Whoever waits on this stream gets StreamBrokenError."""
        self._broken = self._broken or reason
        self._news.set()
        self._room.set()
        self._over.set()

    async def broken(self) -> None:
        """Returns when the other side gave it up."""
        await self._over.wait()

    async def _wait(self, event: asyncio.Event) -> None:
        """The caller looks again what is there: what came before the break counts."""
        self._check()
        event.clear()
        await event.wait()

    def _check(self) -> None:
        if self._broken is not None:
            raise StreamBrokenError(self._broken)


def _split(view: memoryview, at: int) -> tuple[bytes, memoryview]:
    return bytes(view[:at]), view[at:]
