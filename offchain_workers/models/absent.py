# SPDX-License-Identifier: Apache-2.0
"""Files that a stranger's server did not give: it is left alone for a while, longer each time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from offchain_workers.storage import StoreError

# The first pause, in seconds or times what the failure took; each is twice the one before.
_PAUSE, _TIMES, _LONGEST = 1.0, 20.0, 600.0
_MOST = 4096


@dataclass(frozen=True)
class _Failure:
    error: StoreError
    until: float
    pause: float


class Absent:
    """Else one server that stalls would take its ten seconds of every reading of the market.

    Used by several threads: the worst that a race does is one more attempt.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[tuple[str, str], _Failure] = {}

    @contextmanager
    def asking(self, uri: str, cid: str) -> Iterator[None]:
        """Around an attempt. Raises the last one's error while it is too early for another."""
        last, begun = self._failures.get((uri, cid)), self._clock()
        if last is not None and begun < last.until:
            raise type(last.error)(last.error.message)
        try:
            yield
        except StoreError as error:
            self._failed(uri, cid, error, begun)
            raise
        self._failures.pop((uri, cid), None)

    def _failed(self, uri: str, cid: str, error: StoreError, begun: float) -> None:
        now, last = self._clock(), self._failures.pop((uri, cid), None)
        pause = max(_PAUSE, _TIMES * (now - begun), 0.0 if last is None else 2 * last.pause)
        pause = min(pause, _LONGEST)
        while len(self._failures) >= _MOST:
            self._failures.pop(next(iter(self._failures)), None)
        self._failures[uri, cid] = _Failure(error, now + pause, pause)
