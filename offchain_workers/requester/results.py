# SPDX-License-Identifier: Apache-2.0
"""Read what became of a job: from its post to its answer, all from the chain.

An answer of a method that waits for challenges is pending first, until `final_at` at the least.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from offchain_workers.chain.contracts import JobStatus, JobTerms, Network
from offchain_workers.chain.contracts.marketplace import CloseReason, Job
from offchain_workers.chain.contracts.opml import OPML, OpmlVerifier
from offchain_workers.chain.events import Event
from offchain_workers.chain.past import Past
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.chain.scan import scan
from offchain_workers.codecs import get_codec, under
from offchain_workers.codecs.base import Answer
from offchain_workers.models.card import ModelCard
from offchain_workers.models.wire import split_items
from offchain_workers.requester.errors import (
    AnswerSealedError,
    JobUnfinishedError,
    JobUnknownError,
)
from offchain_workers.sealing import OVERHEAD, SealedError, SealingKey, output_info
from offchain_workers.storage.reference import is_sealed

_EVENTS = {
    "JobPosted", "JobAccepted", "JobDelivered", "JobClosed", "JobReopened", "CallbackFailed"
}  # fmt: skip
POLL_SECONDS = 0.25


@dataclass(frozen=True)
class History:
    """A job's terms, its present word, and its events in chain order.

    ``final_at``: until when the answer could be challenged, None where none can be; ``times``: of
    the blocks of deliveries and ends. All in unix seconds. ``reply`` opens a sealed answer.
    """

    job_id: bytes
    terms: JobTerms
    data: bytes
    job: Job
    events: tuple[Event, ...]
    final_at: int | None
    times: Mapping[int, int]
    reply: SealingKey | None = None

    @property
    def is_answered(self) -> bool:
        """Whether an answer stands, final or pending."""
        return self.job.status in (JobStatus.PENDING, JobStatus.PAID)

    @property
    def answered_at(self) -> int | None:
        """When the answer was delivered that stands."""
        delivered = self._last("JobDelivered") if self.is_answered else None
        return self.times[delivered.block_number] if delivered else None

    @property
    def closed_at(self) -> int | None:
        """When the job was paid or refunded."""
        closed = self._last("JobClosed")
        return self.times[closed.block_number] if closed else None

    @property
    def output(self) -> bytes | None:
        """The bytes delivered last; None while open."""
        delivered = self._last("JobDelivered")
        if delivered is None or self.job.status in (JobStatus.OPEN, JobStatus.REFUNDED):
            return None
        return bytes(delivered.args["output"])

    @property
    def price(self) -> int | None:
        """Base units of the token, fee and royalty included; None until paid."""
        closed = self._last("JobClosed")
        return int(closed.args["price"]) if closed and self.reason is CloseReason.PAID else None

    @property
    def pledge(self) -> int:
        """Wei that the primary pledged at the post; 0 for a best-effort job."""
        accepted = self._last("JobAccepted")
        return int(accepted.args["pledge"]) if accepted else 0

    @property
    def reason(self) -> CloseReason | None:
        closed = self._last("JobClosed")
        return CloseReason(closed.args["reason"]) if closed else None

    def transaction(self, event: str) -> bytes | None:
        """Hash of the transaction that emitted the last such event."""
        found = self._last(event)
        return found.tx_hash if found else None

    def read_by(self, reply: SealingKey) -> History:
        """The same with a key for sealed answers."""
        return replace(self, reply=reply)

    def has_sealed_answer(self, card: ModelCard) -> bool:
        """Whether the answer is for the requester's eyes alone."""
        box = card.item_bytes_out + OVERHEAD
        return is_sealed(self.data) and self.output is not None and len(self.output) == box

    def answers(self, card: ModelCard) -> list[Answer]:
        """The decoded answer of each item. Raises CodecError, AnswerSealedError."""
        if self.output is None:
            return []
        codec, card = get_codec(card.codec), under(card, self.terms.selector)
        output = self._opened(self.output) if self.has_sealed_answer(card) else self.output
        return [codec.decode(card, item) for item in split_items(card.outputs, output)]

    def _opened(self, box: bytes) -> bytes:
        if self.reply is None:
            raise AnswerSealedError("the answer is sealed to its requester")
        try:
            return self.reply.open(box, output_info(self.job_id))
        except SealedError:
            raise AnswerSealedError("the answer is sealed to another key") from None

    def _last(self, name: str) -> Event | None:
        return next((event for event in reversed(self.events) if event.name == name), None)


def history(pool: RpcPool, network: Network, job_id: bytes, first: int | None = None) -> History:
    """All that the chain knows of a job. Raises JobUnknownError.

    ``first``: a block not after the post, to spare the search.
    """
    market = network.marketplace
    start = network.start_block if first is None else first
    events = scan(pool, {market.address: market.abi}, start, names=_EVENTS)
    mine = tuple(event for event in events if event.args["job_id"] == job_id)
    posted = next((event for event in mine if event.name == "JobPosted"), None)
    if posted is None:
        raise JobUnknownError(f"no post of 0x{job_id.hex()} since block {start}")
    terms, job = JobTerms.from_abi(posted.args["terms"]), market.job(job_id)
    final_at = _final_at(network, job_id) if terms.selector == OPML else None
    return History(job_id, terms, posted.args["data"], job, mine, final_at, _times(network, mine))


def _final_at(network: Network, job_id: bytes) -> int | None:
    """Of the last claim."""
    verifier = OpmlVerifier.of(network)
    if verifier is None:
        return None
    past, head = Past(verifier, network.start_block), verifier.w3.eth.block_number
    claims = past.newest_first(("Claimed",), job_id, head)
    return next((int(event.args["final_at"]) for event in claims), None)


def _times(network: Network, events: Sequence[Event]) -> dict[int, int]:
    blocks = {e.block_number for e in events if e.name in ("JobDelivered", "JobClosed")}
    w3 = network.marketplace.w3
    return {number: int(w3.eth.get_block(number)["timestamp"]) for number in blocks}


def await_close(
    network: Network,
    job_id: bytes,
    timeout: float,
    pause: Callable[[], None] = lambda: time.sleep(POLL_SECONDS),
    changed: Callable[[Job], None] = lambda job: None,
) -> Job:
    """The job once it is paid or refunded. Raises JobUnfinishedError after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    seen: Job | None = None
    while True:
        job = network.marketplace.job(job_id)
        if job != seen:
            seen = job
            changed(job)
        if job.status in (JobStatus.PAID, JobStatus.REFUNDED):
            return job
        if time.monotonic() > deadline:
            raise JobUnfinishedError(f"0x{job_id.hex()} is {job.status.name.lower()} still")
        pause()
