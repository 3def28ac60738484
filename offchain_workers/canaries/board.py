# SPDX-License-Identifier: Apache-2.0
"""Where an observer's documents are found: their content ids at ``/observations``, as blobs."""

from __future__ import annotations

from collections import deque

import httpx
from fastapi import APIRouter

from offchain_workers.canaries.errors import ObservationsUnreachableError
from offchain_workers.canaries.observations import FORM
from offchain_workers.storage import BlobStore, HttpStore, StoreError

_KEPT = 24
_TIMEOUT = 10.0


class Board:
    """The last documents, the newest first, in a blob store that others can read."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._ids: deque[str] = deque(maxlen=_KEPT)

    def publish(self, document: bytes) -> str:
        """Its content id. Raises StoreError."""
        cid = self._store.put(document)
        if cid not in self._ids:
            self._ids.appendleft(cid)
        return cid

    @property
    def ids(self) -> list[str]:
        return list(self._ids)


def board_router(board: Board) -> APIRouter:
    """GET ``/observations``; mount it beside the routes of the board's blobs."""
    router = APIRouter(tags=["observations"])

    @router.get("/observations")
    def read() -> dict[str, list[str]]:
        """Content ids of the signed observations that this gateway published last."""
        return {"observations": board.ids}

    return router


def fetch(base_url: str) -> list[bytes]:
    """The documents that a gateway shows, unverified. Raises ObservationsUnreachableError."""
    try:
        answer = httpx.get(f"{base_url.rstrip('/')}/observations", timeout=_TIMEOUT)
        answer.raise_for_status()
        ids = [str(cid) for cid in answer.json()["observations"]]
        store = HttpStore(base_url, allow_private=True)
        try:
            return [store.get(cid, FORM.max_bytes) for cid in ids[:_KEPT]]
        finally:
            store.close()
    except (httpx.HTTPError, httpx.InvalidURL, StoreError) as error:
        raise ObservationsUnreachableError(f"{base_url}: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ObservationsUnreachableError(f"{base_url}: no list of observations") from error
