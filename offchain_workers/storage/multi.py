# SPDX-License-Identifier: Apache-2.0
"""Several stores asked in order; what a later one has is copied into the first."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from offchain_workers.storage.base import BlobStore
from offchain_workers.storage.errors import BlobMissingError, BlobUnavailableError, StoreError

_log = structlog.get_logger(__name__)


class MultiStore:
    """A local store first, then the others. Writes go to the local one only."""

    def __init__(self, local: BlobStore, others: Sequence[BlobStore]) -> None:
        self._local = local
        self._others = tuple(others)

    def put(self, data: bytes) -> str:
        """Store ``data`` in the local store."""
        return self._local.put(data)

    def get(self, cid: str, max_bytes: int) -> bytes:
        """From the first store that has it whole.

        Raises BlobMissingError when every store answered that it does not have it, the stores' own
        error when they agree on one, BlobUnavailableError when they failed for different reasons.
        """
        failures: list[StoreError] = []
        for store in (self._local, *self._others):
            try:
                data = store.get(cid, max_bytes)
            except StoreError as error:
                failures.append(error)
                continue
            if store is not self._local:
                self._fill(cid, data)
            return data
        raise _summary(cid, failures)

    def has(self, cid: str) -> bool:
        """Whether any store says that it has ``cid``; a store that can't answer counts as no."""
        return any(_has(store, cid) for store in (self._local, *self._others))

    def _fill(self, cid: str, data: bytes) -> None:
        """A full local disk must not keep a good blob from its caller."""
        try:
            self._local.put(data)
        except StoreError as error:
            _log.warning("blob_not_kept", cid=cid, code=error.code, reason=error.message)


def _has(store: BlobStore, cid: str) -> bool:
    try:
        return store.has(cid)
    except StoreError:
        return False


def _summary(cid: str, failures: list[StoreError]) -> StoreError:
    remote = [error for error in failures if not isinstance(error, BlobMissingError)]
    # One of the stores may be several itself.
    prefix = f"no store has {cid}: "
    message = "; ".join(error.message.removeprefix(prefix) for error in failures)
    kinds = {type(error) for error in remote}
    if not kinds:
        return BlobMissingError(prefix + message)
    if len(kinds) == 1:
        return kinds.pop()(message)
    return BlobUnavailableError(f"no store could give {cid}: {message}")
