# SPDX-License-Identifier: Apache-2.0
"""Several requests in one run, each answered as if it had been alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from offchain_workers.engines.errors import EngineError
from offchain_workers.models.wire import Array

Feeds = Mapping[str, Array]
Outputs = dict[str, Array]
Run = Callable[[Feeds], Outputs]
# A request: its arrays (n, *shape), and n.
Request = tuple[Feeds, int]


class Batches:
    """``run`` takes arrays (n, *shape) of at most ``step`` items and raises EngineError."""

    def __init__(self, run: Run, step: int) -> None:
        self._run = run
        self._step = step

    def answer(self, requests: Sequence[Request]) -> list[Outputs | EngineError]:
        """Each request's outputs or its error. When a shared run fails, each is run alone."""
        if len(requests) == 1:
            return [self._alone(*requests[0])]
        feeds = {
            name: np.concatenate([feeds[name] for feeds, _ in requests]) for name in requests[0][0]
        }
        try:
            found = self._items(feeds, sum(n for _, n in requests))
        except EngineError:
            return [self._alone(*request) for request in requests]
        cuts = np.cumsum([n for _, n in requests])[:-1]
        parts = {name: np.split(array, cuts) for name, array in found.items()}
        return [{name: parts[name][i] for name in parts} for i in range(len(requests))]

    def _alone(self, feeds: Feeds, n: int) -> Outputs | EngineError:
        try:
            return self._items(feeds, n)
        except EngineError as error:
            return error

    def _items(self, feeds: Feeds, n: int) -> Outputs:
        if n <= self._step:
            return self._run(feeds)
        runs = [
            self._run({name: array[at : at + self._step] for name, array in feeds.items()})
            for at in range(0, n, self._step)
        ]
        return {name: np.concatenate([one[name] for one in runs]) for name in runs[0]}
