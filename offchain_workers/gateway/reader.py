# SPDX-License-Identifier: Apache-2.0
"""Rows as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from offchain_workers.chain import merkle
from offchain_workers.chain.contracts import JobTerms, Network
from offchain_workers.chain.contracts.marketplace import CloseReason
from offchain_workers.chain.contracts.terms import ZERO_32, selector_of
from offchain_workers.chain.db import Database
from offchain_workers.codecs import get_codec, under
from offchain_workers.errors import FusionError
from offchain_workers.gateway.errors import JobUnseenError
from offchain_workers.gateway.ledger import FINAL
from offchain_workers.gateway.shelf import Shelf
from offchain_workers.gateway.tables import JobRow, RequestRow, State, StepRow
from offchain_workers.gateway.views import EventView, JobView, PlaceView, Transaction
from offchain_workers.models.card import ModelCard
from offchain_workers.models.wire import split_items
from offchain_workers.requester.receipts import Place, Receipt, item_proofs
from offchain_workers.storage import BlobStore, StoreError
from verifiers.methods import method_table

log = structlog.get_logger(__name__)

_MAX_INPUT = 1 << 26
_ANSWERED = (State.PENDING, State.PAID)
Span = tuple[int, int]


class Reader:
    """Thread-safe; asks the chain nothing."""

    def __init__(self, db: Database, network: Network, shelf: Shelf, store: BlobStore) -> None:
        self._db = db
        self._network = network
        self._shelf = shelf
        self._store = store
        self._names = {selector_of(name): name for name in method_table()}

    def method_name(self, selector: bytes) -> str:
        return self._names.get(selector, "0x" + selector.hex())

    def job(self, job_id: bytes, caller: str, span: Span | None = None) -> JobView:
        """``span``: first and count of the items to show; None: the caller's own, else all.

        Raises JobUnseenError.
        """
        with self._db.read() as session:
            row = session.get(JobRow, job_id)
            if row is None:
                raise JobUnseenError(f"no job 0x{job_id.hex()}")
            request = _request(session, job_id, caller)
        if span is None:
            span = (request.first, request.count) if request else (0, row.terms.n)
        return self._view(row, span, request.extra if request else {})

    def state(self, job_id: bytes) -> tuple[str, str | None]:
        """State and why it failed. Raises JobUnseenError."""
        with self._db.read() as session:
            row = session.get(JobRow, job_id)
        if row is None:
            raise JobUnseenError(f"no job 0x{job_id.hex()}")
        return row.state, _why(row)

    def outputs(self, job_id: bytes, span: Span) -> list[bytes]:
        """The answers of some items, once answered."""
        with self._db.read() as session:
            row = session.get_one(JobRow, job_id)
        return _outputs(row, span)

    def receipt(self, job_id: bytes, span: Span) -> Receipt | None:
        """None while unanswered, or where the input is not at hand."""
        with self._db.read() as session:
            row = session.get_one(JobRow, job_id)
        return self._receipt(row, row.terms, span)

    def events(self, job_id: bytes, after: int) -> list[tuple[int, EventView]]:
        """Steps with an id above ``after``, in the order in which they were learnt of."""
        query = select(StepRow).where(StepRow.job_id == job_id, StepRow.id > after)
        with self._db.read() as session:
            row = session.get(JobRow, job_id)
            steps = session.scalars(query.order_by(StepRow.id)).all()
        if row is None:
            raise JobUnseenError(f"no job 0x{job_id.hex()}")
        return [(step.id, _event(step, row.state)) for step in steps]

    # --- one job ------------------------------------------------------------------------------

    def _view(self, row: JobRow, span: Span, extra: dict[str, Any]) -> JobView:
        terms = row.terms
        outputs = _outputs(row, span)
        transaction = extra.get("transaction") if row.state == State.OFFERED else None
        chain_id = self._network.marketplace.domain.chain_id
        return JobView(
            id=_hex(row.job_id),
            state=row.state,
            final=row.state in FINAL,
            origin=row.origin,
            model=_hex(terms.model_id),
            method=self.method_name(terms.selector),
            subnet=_hex(terms.subnet_id),
            requester=terms.requester,
            operator=row.operator,
            n=terms.n,
            first=span[0],
            count=span[1],
            max_price=str(terms.max_price),
            price=None if row.price is None else str(row.price),
            deliver_by=terms.deliver_by,
            decision=None if terms.decision_hash == ZERO_32 else _hex(terms.decision_hash),
            terms=terms.to_json(),
            post=_place(row.post_tx, row.post_block),
            answer=_place(row.answer_tx, row.answer_block),
            answers=self._answers(terms, outputs),
            output=_hex(b"".join(outputs)) if outputs else None,
            receipt=self._receipt(row, terms, span),
            failure=_why(row),
            transaction=Transaction(**transaction, chain_id=chain_id) if transaction else None,
            acceptance=extra.get("acceptance"),
        )

    def _answers(self, terms: JobTerms, outputs: Sequence[bytes]) -> list[Any]:
        """Nothing where the card is not to be had: the bytes are there."""
        card = self._card(terms) if outputs else None
        if card is None:
            return []
        try:
            codec, card = get_codec(card.codec), under(card, terms.selector)
            return [codec.decode(card, output) for output in outputs]
        except FusionError as error:
            log.warning("an answer is shown as bytes only", reason=str(error))
            return []

    def _receipt(self, row: JobRow, terms: JobTerms, span: Span) -> Receipt | None:
        post, answer = _place(row.post_tx, row.post_block), _place(row.answer_tx, row.answer_block)
        if row.state not in _ANSWERED or post is None or answer is None or row.output is None:
            return None
        commitments = self._commitments(row, terms)
        if commitments is None:
            return None
        first, count = span
        domain = self._network.marketplace.domain
        return Receipt(
            chain_id=domain.chain_id,
            market=domain.market,
            job_id=_hex(row.job_id),
            n=terms.n,
            items=item_proofs(terms, commitments, row.output, range(first, first + count)),
            post=Place(**post.model_dump()),
            answer=Place(**answer.model_dump()),
        )

    def _commitments(self, row: JobRow, terms: JobTerms) -> list[bytes] | None:
        """Of all items of a batch."""
        if terms.n == 1:
            return []
        card = self._card(terms)
        if card is None or row.input_cid is None:
            return None
        try:
            items = split_items(card.inputs, self._store.get(row.input_cid, _MAX_INPUT))
        except StoreError as error:
            log.warning("no receipt: the input is gone", job=row.job_id.hex(), reason=str(error))
            return None
        return [merkle.item_commitment(item) for item in items]

    def _card(self, terms: JobTerms) -> ModelCard | None:
        try:
            return self._shelf.card(self._shelf.model(_hex(terms.model_id)))
        except FusionError as error:
            log.warning("no card", model=terms.model_id.hex(), reason=str(error))
            return None


def _request(session: Session, job_id: bytes, caller: str) -> RequestRow | None:
    mine = (RequestRow.job_id == job_id) & (RequestRow.caller == caller)
    return session.scalars(select(RequestRow).where(mine).order_by(RequestRow.id)).first()


def _outputs(row: JobRow, span: Span) -> list[bytes]:
    if row.output is None or row.state not in _ANSWERED:
        return []
    terms = row.terms
    if terms.n == 1:
        return [row.output]
    size, (first, count) = terms.item_size, span
    return [row.output[i * size : (i + 1) * size] for i in range(first, first + count)]


def _why(row: JobRow) -> str | None:
    if row.state == State.FAILED:
        return row.failure
    if row.state == State.REFUNDED and row.reason is not None:
        return CloseReason(row.reason).name.lower()
    return None


def _event(step: StepRow, state: str) -> EventView:
    body = {
        key: _hex(value) if isinstance(value, bytes) else value for key, value in step.body.items()
    }
    for amount in ("price", "fee", "royalty", "pledge"):
        if amount in body:
            body[amount] = str(body[amount])
    return EventView(
        job=_hex(step.job_id),
        name=step.name,
        state=state,
        body=body,
        block=step.block_number,
        transaction=None if step.tx_hash is None else _hex(step.tx_hash),
        undone=step.undone,
    )


def _place(transaction: bytes | None, block: int | None) -> PlaceView | None:
    if transaction is None or block is None:
        return None
    return PlaceView(transaction=_hex(transaction), block=block)


def _hex(data: bytes) -> str:
    return "0x" + bytes(data).hex()
