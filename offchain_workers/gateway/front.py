# SPDX-License-Identifier: Apache-2.0
"""Requests of many callers for one model and wish become one job.

A batch leaves when the post of the batch before it is mined (or came to nothing), and at the
latest after a short cap: under load a block's requests share a job, alone one waits for nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import structlog

from offchain_workers.gateway.once import Placed
from offchain_workers.gateway.orders import Order, Share
from offchain_workers.gateway.poster import Poster
from offchain_workers.gateway.tables import State
from offchain_workers.requester.posting import Posting

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Request:
    order: Order
    posting: Posting
    share: Share
    placed: Future[Placed] = field(default_factory=Future)


@dataclass
class _Group:
    """``out``: the job whose post is not mined yet, since ``since``."""

    most: int
    waiting: list[_Request] = field(default_factory=list)
    leaving: bool = False
    out: bytes | None = None
    since: float = 0.0

    def due(self, now: float, cap: float) -> float:
        """Seconds until a batch may leave."""
        if self.out is None:
            return 0.0
        return max(0.0, self.since + cap - now)

    def take(self) -> list[_Request]:
        """The next batch: requests in order, each whole."""
        taken, items = [], 0
        while self.waiting and items + len(self.waiting[0].share.items) <= self.most:
            taken.append(self.waiting.pop(0))
            items += len(taken[-1].share.items)
        return taken


class FrontDoor:
    """Thread-safe. ``cap``: seconds; ``threads``: batches prepared at the same time."""

    def __init__(
        self,
        poster: Poster,
        cap: float,
        threads: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._poster = poster
        self._cap = cap
        self._clock = clock
        self._groups: dict[Hashable, _Group] = {}
        self._changed = threading.Condition()
        self._closing = False
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="batch")
        self._thread = threading.Thread(target=self._run, name="front", daemon=True)
        self._thread.start()

    def submit(
        self, key: Hashable, most: int, order: Order, posting: Posting, share: Share
    ) -> Future[Placed]:
        """Have the share's items, ``most`` at most, go out with others of the key."""
        request = _Request(order, posting, share)
        with self._changed:
            self._groups.setdefault(key, _Group(most)).waiting.append(request)
            self._changed.notify_all()
        return request.placed

    def hear(self, states: Mapping[bytes, str]) -> None:
        """How far jobs are."""
        mined = {job_id for job_id, state in states.items() if state != State.QUEUED}
        with self._changed:
            for group in self._groups.values():
                if group.out in mined:
                    group.out = None
            self._changed.notify_all()

    def close(self) -> None:
        """Let what leaves leave; whoever waits still is told that it was cancelled."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        self._pool.shutdown(wait=True)
        for group in self._groups.values():
            for request in group.waiting:
                self._poster.abandon(request.share)
                request.placed.cancel()

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._closing:
                    return
                wait = self._dispatch()
                self._changed.wait(wait)

    def _dispatch(self) -> float | None:
        """Send off what may leave; seconds until more may, None: until something happens."""
        now, wait = self._clock(), None
        for key, group in list(self._groups.items()):
            if group.leaving:
                continue
            if not group.waiting:
                if group.out is None:
                    del self._groups[key]
                continue
            due = group.due(now, self._cap)
            if due > 0:
                wait = due if wait is None else min(wait, due)
                continue
            group.leaving = True
            self._leave(group, group.take())
        return wait

    def _leave(self, group: _Group, batch: list[_Request]) -> None:
        first, shares = batch[0], [request.share for request in batch]
        gone = self._pool.submit(self._poster.commit, first.order, first.posting, shares)
        gone.add_done_callback(partial(self._left, group, batch))

    def _left(self, group: _Group, batch: list[_Request], gone: Future[list[Placed]]) -> None:
        """In the batch's thread: it is a job, or came to nothing."""
        error = gone.exception()
        with self._changed:
            group.leaving, group.since = False, self._clock()
            group.out = None if error else gone.result()[0].job_id
            self._changed.notify_all()
        if error is not None:
            for request in batch:
                request.placed.set_exception(error)
            return
        for request, one in zip(batch, gone.result(), strict=True):
            request.placed.set_result(one)
