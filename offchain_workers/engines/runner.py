# SPDX-License-Identifier: Apache-2.0
"""From item bytes to item bytes: a session behind a queue, batched where the card allows it."""

from __future__ import annotations

from concurrent.futures import Future

from offchain_workers.engines.base import Session
from offchain_workers.engines.batcher import Batcher
from offchain_workers.models import ModelCard, WireLengthError
from offchain_workers.models.wire import count_items, pack_items, unpack_items


class ModelRunner:
    """Runs jobs of one model on one thread.

    Items share a run of up to ``max_batch`` only when the card says ``batch_invariant`` and the
    model takes any batch: otherwise a neighbour's item could change the bytes of an answer.
    ``max_queue`` bounds the items that wait, over all jobs.
    """

    def __init__(
        self, session: Session, card: ModelCard, max_batch: int = 64, max_queue: int = 1024
    ) -> None:
        self._session = session
        self._card = card
        together = card.batch_invariant and session.signature.any_batch
        self._step = max_batch if together else 1
        self._batcher: Batcher[bytes, bytes] = Batcher(self._run_jobs, self._step, max_queue)

    @property
    def queued(self) -> int:
        """Items that wait."""
        return self._batcher.queued

    def submit(self, data: bytes) -> Future[bytes]:
        """One job: n items' wire bytes in, n outputs' wire bytes later, in order.

        Raises WireLengthError for bytes that are not whole items or too many, BusyError when full.
        """
        n = count_items(self._card.inputs, data)
        if n > self._card.limits.max_items:
            raise WireLengthError(f"{n} items, the card allows {self._card.limits.max_items}")
        return self._batcher.submit(data, n)

    def close(self, drain: bool = True) -> None:
        """Finish (or cancel) what waits, then free the model."""
        self._batcher.close(drain)
        self._session.close()

    def _run_jobs(self, jobs: list[bytes]) -> list[bytes]:
        joined = b"".join(jobs)
        chunk = self._step * self._card.item_bytes_in
        answers = b"".join(
            self._run_items(joined[at : at + chunk]) for at in range(0, len(joined), chunk)
        )
        results, start = [], 0
        for job in jobs:
            end = start + len(job) // self._card.item_bytes_in * self._card.item_bytes_out
            results.append(answers[start:end])
            start = end
        return results

    def _run_items(self, data: bytes) -> bytes:
        n = len(data) // self._card.item_bytes_in
        outputs = self._session.run(unpack_items(self._card.inputs, data, n))
        return pack_items(self._card.outputs, outputs)
