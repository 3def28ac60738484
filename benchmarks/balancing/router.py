# SPDX-License-Identifier: Apache-2.0
"""One router as a process: requests at random moments, each to whom its policy picks.

Prints latencies and lateness as JSON. A request's clock starts when it was due, not when it was
sent; lateness is the difference, which is the load generator's fault and not the policy's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections import deque

from benchmarks.balancing.policies import Policy, policy

_BODY = bytes(64)
_REQUEST = (
    b"POST /infer HTTP/1.1\r\nhost: node\r\ncontent-length: %d\r\n\r\n" % len(_BODY)
) + _BODY
_END = b"\r\n\r\n"


class Client(asyncio.Protocol):
    """A connection that has one request at a time."""

    def __init__(self) -> None:
        self._answered: asyncio.Future[None] | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(_END)
        size = int(head.rsplit(b" ", 1)[-1]) if end else 0
        if end and len(body) >= size and self._answered is not None:
            self._buffer, answered, self._answered = b"", self._answered, None
            answered.set_result(None)

    async def ask(self) -> None:
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(_REQUEST)
        await self._answered


class Router:
    """A policy and its connections."""

    def __init__(self, choose: Policy, ports: list[int]) -> None:
        self._choose = choose
        self._ports = ports
        self._idle: list[deque[Client]] = [deque() for _ in ports]
        self.latencies: list[float] = []
        self.lateness: list[float] = []

    async def one(self, due: float) -> None:
        self.lateness.append(time.monotonic() - due)
        index, token = self._choose.pick()
        idle = self._idle[index]
        client = idle.pop() if idle else await self._connect(self._ports[index])
        await client.ask()
        self._choose.done(index, token)
        self.latencies.append(time.monotonic() - due)
        idle.append(client)

    async def run(self, rate: float, seconds: float, rng: random.Random) -> None:
        """An open loop: who waits does not keep others from coming."""
        started = due = time.monotonic()
        tasks = []
        while due < started + seconds:
            due += rng.expovariate(rate)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            tasks.append(asyncio.ensure_future(self.one(due)))
        await asyncio.gather(*tasks)

    @staticmethod
    async def _connect(port: int) -> Client:
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(Client, "127.0.0.1", port)
        return client


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policy", required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("ports", type=int, nargs="+")
    options = parser.parse_args()
    choose = policy(options.policy, len(options.ports), options.seed)
    router = Router(choose, options.ports)
    asyncio.run(router.run(options.rate, options.seconds, random.Random(options.seed)))
    print(json.dumps({"latencies": router.latencies, "lateness": router.lateness}))


if __name__ == "__main__":
    main()
