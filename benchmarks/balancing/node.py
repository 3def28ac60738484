# SPDX-License-Identifier: Apache-2.0
"""A provider as a process: HTTP, some slots, a service time that is slept (it models a GPU's).

`python -m benchmarks.balancing.node --seconds 0.03` prints its port and serves until stdin ends.
POST /infer answers the hash of its body; POST /control sets {"factor": slower, "wrong": bool}.
A body that begins with POISON is hung up on, as servers do that choke on an input.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import math
import random
import sys
from dataclasses import dataclass, field

POISON = b"poison"
_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


@dataclass
class Node:
    """``sigma``: of the logarithm of service times, whose mean is ``seconds``."""

    seconds: float
    sigma: float
    slots: asyncio.Semaphore
    factor: float = 1.0
    wrong: bool = False
    rng: random.Random = field(default_factory=random.Random)

    async def infer(self, body: bytes) -> bytes:
        """FIFO behind the slots, as a GPU's queue is."""
        async with self.slots:
            spread = math.exp(self.rng.gauss(-(self.sigma**2) / 2, self.sigma))
            await asyncio.sleep(self.seconds * self.factor * spread)
        return answer(body + b"?" if self.wrong else body)

    def control(self, body: bytes) -> bytes:
        document = json.loads(body)
        self.factor = float(document.get("factor", self.factor))
        self.wrong = bool(document.get("wrong", self.wrong))
        return b"{}"


def answer(body: bytes) -> bytes:
    """What an honest node answers."""
    return hashlib.blake2b(body, digest_size=16).hexdigest().encode()


class Connection(asyncio.Protocol):
    """One request after another; just enough of HTTP/1.1 for httpx and the benchmark's client."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._buffer = b""
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """Whoever hung up wants no answer: its place is free."""
        for task in self._tasks:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (request := self._next()) is not None:
            task = asyncio.ensure_future(self._answer(*request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _next(self) -> tuple[bytes, bytes] | None:
        head, end, rest = self._buffer.partition(_END)
        if not end:
            return None
        lines = head.split(b"\r\n")
        sizes = [line[len(_LENGTH) :] for line in lines if line.lower().startswith(_LENGTH)]
        size = int(sizes[0]) if sizes else 0
        if len(rest) < size:
            return None
        self._buffer = rest[size:]
        return lines[0].split(b" ")[1], rest[:size]

    async def _answer(self, path: bytes, body: bytes) -> None:
        if body.startswith(POISON):
            self._transport.abort()
            return
        told = self._node.control(body) if path == b"/control" else await self._node.infer(body)
        head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(told)
        self._transport.write(head + told)


async def serve(node: Node, port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(node), "127.0.0.1", port, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--sigma", type=float, default=0.0)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()

    async def run() -> None:
        node = Node(options.seconds, options.sigma, asyncio.Semaphore(options.slots))
        await serve(node, options.port)

    asyncio.run(run())


if __name__ == "__main__":
    main()
