# SPDX-License-Identifier: Apache-2.0
"""Blobs in a local folder: ``<folder>/ab/<64 hex digits>``, atomic writes, verified reads."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from offchain_workers.storage.content import check_content_id, check_size, content_id
from offchain_workers.storage.errors import (
    BlobCorruptError,
    BlobMissingError,
    StoreFullError,
    StoreUnusableError,
)

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_STALE_SECONDS = 3600


class LocalStore:
    """A BlobStore on disk, safe for several processes and for kill -9 at any point.

    ``min_free_bytes``: a write that would leave the disk with less is refused with StoreFullError.
    """

    def __init__(self, folder: Path | str, min_free_bytes: int = 0) -> None:
        self.folder = Path(folder)
        self._min_free = min_free_bytes
        self._incoming = self.folder / "incoming"
        with _typed_os_errors(self.folder):
            self._incoming.mkdir(parents=True, exist_ok=True)
            self._sweep_incoming()

    def put(self, data: bytes) -> str:
        """Write ``data`` unless it is there already; a damaged copy is replaced by the good one."""
        cid = content_id(data)
        path = self._path(cid)
        with _typed_os_errors(path):
            if not _holds(path, data):
                self._check_room(len(data))
                path.parent.mkdir(exist_ok=True)
                self._write(path, data)
        return cid

    def get(self, cid: str, max_bytes: int) -> bytes:
        """The verified bytes; a damaged file goes to ``quarantine/``, with BlobCorruptError."""
        cid = check_content_id(cid)
        path = self._path(cid)
        with _typed_os_errors(path):
            try:
                with path.open("rb") as file:
                    check_size(cid, os.fstat(file.fileno()).st_size, max_bytes)
                    data = file.read(max_bytes + 1)
            except FileNotFoundError:
                raise BlobMissingError(f"{self.folder} has no blob {cid}") from None
            check_size(cid, len(data), max_bytes)
            if content_id(data) != cid:
                kept = self._quarantine(path)
                raise BlobCorruptError(f"blob {cid} is damaged on disk; moved to {kept}")
        return data

    def has(self, cid: str) -> bool:
        """Whether a file of that name is there; only ``get`` checks what is in it."""
        return self._path(check_content_id(cid)).is_file()

    def _path(self, cid: str) -> Path:
        return self.folder / cid[2:4] / cid[2:]

    def _write(self, path: Path, data: bytes) -> None:
        handle, name = tempfile.mkstemp(dir=self._incoming)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name)
        _sync_folder(path.parent)

    def _check_room(self, size: int) -> None:
        free = shutil.disk_usage(self.folder).free
        if free - size < self._min_free:
            raise StoreFullError(f"{self.folder}: {free} bytes free, {self._min_free} must stay so")

    def _quarantine(self, path: Path) -> Path:
        kept = self.folder / "quarantine" / f"{path.name}.{time.time_ns()}"
        kept.parent.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):  # another reader found it first
            os.replace(path, kept)
        return kept

    def _sweep_incoming(self) -> None:
        """Drop what a killed process left half-written; an hour spares those still writing."""
        oldest = time.time() - _STALE_SECONDS
        for leftover in self._incoming.iterdir():
            with suppress(FileNotFoundError):
                if leftover.stat().st_mtime < oldest:
                    leftover.unlink()


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _typed_os_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _FULL:
            raise StoreFullError(f"{path}: {reason}; nothing was written") from error
        raise StoreUnusableError(f"{path}: {reason}") from error
