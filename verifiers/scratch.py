# SPDX-License-Identifier: Apache-2.0
"""Temporary folders that a killed process leaves no longer than until the next start.

Each is locked by the process that uses it; the kernel takes the lock away when that ends, however
it does.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import weakref
from pathlib import Path
from types import TracebackType


class Scratch:
    """A folder that only this user can enter, removed with the object, or at the latest by the next
    ``sweep``. ``name`` is the absolute path."""

    def __init__(self, prefix: str) -> None:
        self.name, handle = _locked(prefix)
        self._end = weakref.finalize(self, _remove, self.name, handle)

    def __enter__(self) -> str:
        return self.name

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()

    def remove(self) -> None:
        """With all that is in it; again does nothing."""
        self._end()


def sweep(prefix: str) -> None:
    """Remove our folders of that prefix that no process holds."""
    for path in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue  # gone meanwhile, another user's, or no folder
        if os.fstat(handle).st_uid == os.getuid() and _lock(handle):
            shutil.rmtree(path, ignore_errors=True)
        os.close(handle)


def _locked(prefix: str) -> tuple[str, int]:
    """Made and locked; a sweep may come between the two."""
    while True:
        name = tempfile.mkdtemp(prefix=prefix)
        try:
            handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        if _lock(handle) and os.path.exists(name):
            return name, handle
        os.close(handle)


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove(name: str, handle: int) -> None:
    shutil.rmtree(name, ignore_errors=True)
    os.close(handle)
