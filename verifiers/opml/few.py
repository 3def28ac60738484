# SPDX-License-Identifier: Apache-2.0
"""Keep the last few of what is expensive to make."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Few(Generic[T]):
    """The ``most`` last used. Makes one thing at a time: whoever wants another waits."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = threading.Lock()
        self._making = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is kept under the key, else what ``make`` gives; an error of it keeps nothing."""
        found = self._find(key)
        if found is not None:
            return found
        with self._making:
            found = self._find(key)
            return self._keep(key, make()) if found is None else found

    def forget(self, key: Hashable) -> None:
        """So that it is made anew."""
        with self._lock:
            self._kept.pop(key, None)

    def _find(self, key: Hashable) -> T | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _keep(self, key: Hashable, made: T) -> T:
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return made
