# SPDX-License-Identifier: Apache-2.0
"""Where an observer's documents are found: a gateway's ``/v1/observations``, and its blobs."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

import httpx
from fastapi import APIRouter

from offchain_workers.canaries.errors import ObservationsUnreachableError
from offchain_workers.canaries.observations import FORM
from offchain_workers.signed import canonical
from offchain_workers.storage import BlobStore

PATH = "/v1/observations"
_KEPT = 24
_TIMEOUT = 10.0


class Board:
    """The last documents, the newest first; ``store`` keeps them as blobs for those who quote
    one by its content id."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._documents: deque[bytes] = deque(maxlen=_KEPT)

    def publish(self, document: bytes) -> str:
        """Its content id. Raises StoreError."""
        cid = self._store.put(document)
        if document not in self._documents:
            self._documents.appendleft(document)
        return cid

    @property
    def documents(self) -> list[bytes]:
        return list(self._documents)


def board_router(board: Board) -> APIRouter:
    """GET ``/v1/observations``."""
    router = APIRouter(tags=["observations"])

    @router.get(PATH, summary="What canaries saw of operators, signed")
    def read() -> dict[str, list[Any]]:
        """The documents that this gateway published last, the newest first; `fusion observations`
        reads them."""
        return {"observations": [json.loads(document) for document in board.documents]}

    return router


def fetch(base_url: str) -> list[bytes]:
    """The documents that a gateway shows, unverified. Raises ObservationsUnreachableError."""
    try:
        answer = httpx.get(f"{base_url.rstrip('/')}{PATH}", timeout=_TIMEOUT, trust_env=False)
        answer.raise_for_status()
        if len(answer.content) > _KEPT * FORM.max_bytes:
            raise ValueError("too long")
        return [canonical(document) for document in answer.json()["observations"]][:_KEPT]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ObservationsUnreachableError(f"{base_url}: {error}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ObservationsUnreachableError(f"{base_url}: no list of observations") from error
