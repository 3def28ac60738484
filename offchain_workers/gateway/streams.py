# SPDX-License-Identifier: Apache-2.0
"""Server-sent events: a job's life as it happens, resumable by the id of the last one heard."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from fastapi.concurrency import run_in_threadpool

from offchain_workers.gateway.bell import Bell
from offchain_workers.gateway.errors import TooManyStreamsError
from offchain_workers.gateway.ledger import FINAL
from offchain_workers.gateway.reader import Reader

# A line now and then keeps proxies from hanging up, and finds out who has.
_BEAT_SECONDS = 15.0
_RETRY_SECONDS = 5.0


class Streams:
    """At most ``most`` open at a time, a quarter of them (but two) for one caller; ``is_stopping``
    ends them."""

    def __init__(
        self, reader: Reader, bell: Bell, most: int, is_stopping: Callable[[], bool]
    ) -> None:
        self._reader = reader
        self._bell = bell
        self._most = most
        self._is_stopping = is_stopping
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()

    def is_over(self, caller: str, job_id: bytes, after: int) -> bool:
        """Whether nothing is left to tell. Raises JobUnseenError, TooManyStreamsError."""
        own = max(2, self._most // 4)
        with self._lock:
            everybodys, callers = self._open.total(), self._open[caller]
        if everybodys >= self._most:
            raise TooManyStreamsError(f"all {self._most} event streams are taken", _RETRY_SECONDS)
        if callers >= own:
            raise TooManyStreamsError(f"{own} event streams of yours are open", _RETRY_SECONDS)
        state, _ = self._reader.state(job_id)
        return state in FINAL and not self._reader.events(job_id, after)

    async def of(self, caller: str, job_id: bytes, after: int) -> AsyncIterator[str]:
        """The stream's text, from the first event above ``after`` to the job's end."""
        with self._place(caller), self._bell.listen(job_id) as listener:
            while not self._is_stopping():
                # First the state: what comes between the two is told with the next.
                state, _ = await run_in_threadpool(self._reader.state, job_id)
                news = await run_in_threadpool(self._reader.events, job_id, after)
                for number, event in news:
                    yield f"id: {number}\nevent: {event.name}\ndata: {event.model_dump_json()}\n\n"
                    after = number
                if state in FINAL:
                    return
                if not await listener.wait(_BEAT_SECONDS):
                    yield ": still here\n\n"

    @contextmanager
    def _place(self, caller: str) -> Iterator[None]:
        with self._lock:
            self._open[caller] += 1
        try:
            yield
        finally:
            with self._lock:
                self._open -= Counter({caller: 1})  # which forgets callers without any
