# SPDX-License-Identifier: Apache-2.0
"""Where the requests for one model meet: batches form while the model is busy, by no timer.

What is waiting when the model gets free runs together. A model quicker than a change of threads
runs on the event loop itself, a slower one on a thread of its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from offchain_workers.engines.errors import (
    BusyError,
    EngineClosedError,
    EngineError,
    RunFailedError,
)
from offchain_workers.serving.batches import Batches, Feeds, Outputs, Run

# Longest that the loop may be kept from its other connections, in seconds.
_QUICK = 0.001


@dataclass
class _Waiting:
    feeds: Feeds
    n: int
    answer: asyncio.Future[Outputs]


class Lane:
    """Runs requests of one model in turn, from one event loop.

    ``run`` takes arrays (n, *shape) with n up to ``step`` and raises EngineError. With a ``step``
    of 1 no two items ever share a run, so that no neighbour can change an answer. ``item_seconds``
    is how long one item takes. ``max_queue`` bounds the items that wait.
    """

    def __init__(self, run: Run, step: int, max_queue: int, item_seconds: float) -> None:
        self._batches = Batches(run, step)
        self._step = step
        self._max_queue = max_queue
        self._item_seconds = item_seconds
        self._queue: deque[_Waiting] = deque()
        self._queued = 0
        self._active = False
        self._closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lane")

    @property
    def queued(self) -> int:
        """Items that wait."""
        return self._queued

    async def infer(self, feeds: Feeds, n: int) -> Outputs:
        """The outputs of ``n`` items. Raises BusyError, EngineClosedError and what ``run`` does."""
        if self._closed:
            raise EngineClosedError("the model is being unloaded")
        if self._queued + n > self._max_queue:
            raise BusyError(f"{self._queued} of {self._max_queue} items wait; {n} no more")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(feeds, n, loop.create_future())
        self._queue.append(waiting)
        self._queued += n
        if not self._active:
            self._active = True
            loop.call_soon(self._next, loop)
        return await waiting.answer

    def close(self) -> None:
        """Take nothing new; what waits is answered with an error, what runs is let end."""
        self._closed = True
        for waiting in self._queue:
            if not waiting.answer.done():
                waiting.answer.set_exception(EngineClosedError("the model is being unloaded"))
        self._queue.clear()
        self._queued = 0
        self._thread.shutdown(wait=True)

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin with what waits; between two quick batches the loop is free."""
        batch = self._take()
        if not batch:
            self._active = False
        elif self._item_seconds * sum(one.n for one in batch) <= _QUICK:
            _settle(batch, self._work(batch))
            loop.call_soon(self._next, loop)
        else:
            loop.create_task(self._elsewhere(loop, batch))

    async def _elsewhere(self, loop: asyncio.AbstractEventLoop, batch: list[_Waiting]) -> None:
        _settle(batch, await loop.run_in_executor(self._thread, self._work, batch))
        self._next(loop)

    def _work(self, batch: Sequence[_Waiting]) -> list[Outputs | EngineError]:
        try:
            return self._batches.answer([(one.feeds, one.n) for one in batch])
        except Exception as error:  # whatever a model does, its clients hear of it
            return [RunFailedError(f"{type(error).__name__}: {error}") for _ in batch]

    def _take(self) -> list[_Waiting]:
        """Up to ``step`` items of those still waited for, but one request at least."""
        batch: list[_Waiting] = []
        room = self._step
        while self._queue and (not batch or self._queue[0].n <= room):
            one = self._queue.popleft()
            self._queued -= one.n
            if not one.answer.done():
                batch.append(one)
                room -= one.n
        return batch


def _settle(batch: Sequence[_Waiting], answers: Sequence[Outputs | EngineError]) -> None:
    for one, answer in zip(batch, answers, strict=True):
        if one.answer.done():
            continue  # its client left meanwhile
        if isinstance(answer, EngineError):
            one.answer.set_exception(answer)
        else:
            one.answer.set_result(answer)
