# SPDX-License-Identifier: Apache-2.0
"""The threads that fetch inputs, run models and make evidence; as many jobs as there are slots."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from offchain_workers.chain.call import Call


@dataclass(frozen=True)
class Answer:
    """Content id of a job's stored output, and the delivery with its evidence."""

    output_cid: str
    call: Call


class Crew:
    """Used by the daemon's one loop; ``on_done`` is called from the threads."""

    def __init__(self, slots: int, on_done: Callable[[], None]) -> None:
        self._slots = slots
        self._on_done = on_done
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="job")
        self._running: dict[bytes, Future[Answer]] = {}

    @property
    def in_flight(self) -> int:
        return len(self._running)

    @property
    def free(self) -> int:
        return self._slots - len(self._running)

    def start(self, job_id: bytes, task: Callable[[], Answer]) -> None:
        """Begin; the caller saw a free slot."""
        future = self._pool.submit(task)
        self._running[job_id] = future
        future.add_done_callback(lambda _: self._on_done())

    def finished(self) -> list[tuple[bytes, Future[Answer]]]:
        """What ended; each keeps its slot until ``release``."""
        return [(job_id, future) for job_id, future in self._running.items() if future.done()]

    def release(self, job_ids: Iterable[bytes]) -> None:
        """What became of these jobs is written down."""
        for job_id in job_ids:
            del self._running[job_id]

    def close(self) -> None:
        """Begin nothing more and wait for what runs."""
        self._pool.shutdown(wait=True, cancel_futures=True)
