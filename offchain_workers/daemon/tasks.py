# SPDX-License-Identifier: Apache-2.0
"""Work beside the daemon's loop: at most one task for each claim, done in the order given."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from web3.exceptions import Web3Exception

from offchain_workers.errors import FusionError

T = TypeVar("T")


def why_failed(error: BaseException, otherwise: str) -> FusionError:
    """What kept a task from its result; ``otherwise``: the code of what no task should raise."""
    if isinstance(error, FusionError):
        return error
    if isinstance(error, Web3Exception):
        return FusionError("MN-CHAIN-006", str(error))
    return FusionError(otherwise, repr(error))


class Tasks(Generic[T]):
    """Used by one loop; ``on_done`` is called from the threads."""

    def __init__(self, name: str, threads: int, on_done: Callable[[], None]) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._threads = threads
        self._on_done = on_done
        self._running: dict[bytes, Future[T]] = {}

    @property
    def busy(self) -> int:
        """Tasks begun whose results nobody took yet."""
        return len(self._running)

    @property
    def free(self) -> bool:
        """Whether a task would begin at once."""
        return len(self._running) < self._threads

    def has(self, key: bytes) -> bool:
        return key in self._running

    def start(self, key: bytes, task: Callable[[], T]) -> None:
        """Do it when a thread is free; the caller saw that ``key`` has none."""
        future = self._pool.submit(task)
        self._running[key] = future
        future.add_done_callback(lambda _: self._on_done())

    def finished(self) -> list[tuple[bytes, Future[T]]]:
        """Take what ended."""
        ended = [(key, future) for key, future in self._running.items() if future.done()]
        for key, _ in ended:
            del self._running[key]
        return ended

    def close(self) -> None:
        """Begin nothing more and wait for what runs."""
        self._pool.shutdown(wait=True, cancel_futures=True)
