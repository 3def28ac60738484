# SPDX-License-Identifier: Apache-2.0
"""Tell waiting requests, which live in an event loop, what a thread found out."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection


class Bell:
    """Rung with job ids from any thread; waited for in coroutines of any loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[bytes, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}

    def ring(self, job_ids: Collection[bytes]) -> None:
        """Wake whoever waits for these jobs; each looks for itself what happened."""
        with self._lock:
            woken = [pair for job_id in job_ids for pair in self._waiting.get(job_id, ())]
        for loop, event in woken:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    def listen(self, job_id: bytes) -> Listener:
        """Before the first look, so that nothing is missed."""
        return Listener(self, job_id)

    def _add(self, job_id: bytes, pair: tuple[asyncio.AbstractEventLoop, asyncio.Event]) -> None:
        with self._lock:
            self._waiting.setdefault(job_id, set()).add(pair)

    def _remove(self, job_id: bytes, pair: tuple[asyncio.AbstractEventLoop, asyncio.Event]) -> None:
        with self._lock:
            pairs = self._waiting[job_id]
            pairs.discard(pair)
            if not pairs:
                del self._waiting[job_id]


class Listener:
    """One waiting coroutine; use it in a `with` block."""

    def __init__(self, bell: Bell, job_id: bytes) -> None:
        self._bell = bell
        self._job_id = job_id
        self._event = asyncio.Event()

    def __enter__(self) -> Listener:
        self._pair = asyncio.get_running_loop(), self._event
        self._bell._add(self._job_id, self._pair)
        return self

    def __exit__(self, *_: object) -> None:
        self._bell._remove(self._job_id, self._pair)

    async def wait(self, seconds: float) -> bool:
        """Whether it rang since the last wait, within ``seconds``."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return False
        self._event.clear()
        return True
