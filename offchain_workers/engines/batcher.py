# SPDX-License-Identifier: Apache-2.0
"""Batches that form by themselves: whenever the worker is free it takes all that is queued.

No timer: a lone item never waits for company, and under load batches grow on their own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from offchain_workers.engines.errors import BusyError, EngineClosedError

T = TypeVar("T")
R = TypeVar("R")


@dataclass
class _Entry(Generic[T, R]):
    item: T
    weight: int
    future: Future[R] = field(default_factory=Future)


class Batcher(Generic[T, R]):
    """One thread that calls ``run`` with the queued items, up to ``max_batch`` of weight at once.

    ``run`` gets a list of items and returns as many results in their order. When it raises, the
    items are run again one by one, so that one bad item fails alone.
    """

    def __init__(
        self, run: Callable[[list[T]], Sequence[R]], max_batch: int, max_queue: int
    ) -> None:
        self._run = run
        self._max_batch = max_batch
        self._max_queue = max_queue
        self._queue: deque[_Entry[T, R]] = deque()
        self._weight = 0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="batcher", daemon=True)
        self._thread.start()

    @property
    def queued(self) -> int:
        """Weight that waits (what runs now is not counted)."""
        return self._weight

    def submit(self, item: T, weight: int = 1) -> Future[R]:
        """Queue ``item``; raises BusyError when the queue has no room, EngineClosedError later."""
        entry: _Entry[T, R] = _Entry(item, weight)
        with self._changed:
            if self._closed:
                raise EngineClosedError("the queue is closed")
            if self._weight + weight > self._max_queue:
                raise BusyError(f"{self._weight} of {self._max_queue} items wait; {weight} no more")
            self._queue.append(entry)
            self._weight += weight
            self._changed.notify()
        return entry.future

    def close(self, drain: bool = True) -> None:
        """Take nothing new, finish what is queued (or cancel it), and end the thread."""
        with self._changed:
            self._closed = True
            dropped = [] if drain else list(self._queue)
            if not drain:
                self._queue.clear()
                self._weight = 0
            self._changed.notify()
        for entry in dropped:
            entry.future.cancel()
        self._thread.join()

    def _work(self) -> None:
        while batch := self._take():
            live = [entry for entry in batch if entry.future.set_running_or_notify_cancel()]
            if live:
                self._settle(live)

    def _take(self) -> list[_Entry[T, R]]:
        """All that is queued, up to max_batch, but one entry at least; empty when closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
            batch: list[_Entry[T, R]] = []
            room = self._max_batch
            while self._queue and (not batch or self._queue[0].weight <= room):
                entry = self._queue.popleft()
                batch.append(entry)
                room -= entry.weight
                self._weight -= entry.weight
            return batch

    def _settle(self, batch: list[_Entry[T, R]]) -> None:
        try:
            results = list(self._run([entry.item for entry in batch]))
            pairs = list(zip(batch, results, strict=True))
        except Exception as error:  # handed to whoever waits on the future, whatever it is
            if len(batch) == 1:
                batch[0].future.set_exception(error)
                return
            for entry in batch:
                self._settle([entry])
            return
        for entry, result in pairs:
            entry.future.set_result(result)
