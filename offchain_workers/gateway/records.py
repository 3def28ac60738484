# SPDX-License-Identifier: Apache-2.0
"""Decision records of jobs: one each, kept here, and handed to the subnet's members, where
`fusion verify-decision` looks for them."""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor

from offchain_workers.gateway.orders import Order
from offchain_workers.requester.posting import Posting
from offchain_workers.storage import BlobStore

# A member that is slow to take records must not make a heap of them here.
_MOST_WAITING = 64


class Records:
    """Thread-safe."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="records")
        self._places = threading.BoundedSemaphore(_MOST_WAITING)

    def keep(self, order: Order) -> bytes | None:
        """A record of one job's own, in the store; None for an order without one."""
        if order.record is None:
            return None
        nonce = "0x" + secrets.token_bytes(32).hex()
        record = order.record.model_copy(update={"nonce": nonce}).canonical()
        self._store.put(record)
        return record

    def hand_on(self, posting: Posting, record: bytes | None) -> None:
        """Later, beside the job: a member that does not take it is nobody's loss."""
        if record is not None and self._places.acquire(blocking=False):
            self._pool.submit(self._hand_on, posting, record)

    def close(self) -> None:
        """Forget what waits."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _hand_on(self, posting: Posting, record: bytes) -> None:
        try:
            posting.hand_on(record)
        finally:
            self._places.release()
