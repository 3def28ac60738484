# SPDX-License-Identifier: Apache-2.0
"""Make jobs: reserve the money, get an acceptance, and write job and transaction down at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import structlog
from eth_utils.crypto import keccak
from sqlalchemy import update
from sqlalchemy.orm import Session

from offchain_workers.chain.contracts import Network, SubnetInfo
from offchain_workers.chain.contracts.terms import ZERO_32
from offchain_workers.chain.db import Database
from offchain_workers.chain.outbox import FAILED, Outbox
from offchain_workers.chain.tables import OutboxRow
from offchain_workers.errors import FusionError
from offchain_workers.gateway.callers import Caller
from offchain_workers.gateway.errors import BusyError, MisfitError
from offchain_workers.gateway.leases import Leases
from offchain_workers.gateway.ledger import new_job, note, refold
from offchain_workers.gateway.once import Placed
from offchain_workers.gateway.orders import Order, Share
from offchain_workers.gateway.purse import Purse
from offchain_workers.gateway.records import Records
from offchain_workers.gateway.shelf import Shelf
from offchain_workers.gateway.tables import JobRow, RequestRow, SpendRow, State
from offchain_workers.requester.posting import Posting, Prepared, Wish
from offchain_workers.requester.primary import ByBalance
from offchain_workers.storage import BlobStore

log = structlog.get_logger(__name__)

_POST = "post:0x"
# What a delivery may carry, all items together.
MAX_OUTPUT = 16_384
_BUSY_SECONDS = 1.0
# What a post takes at the most, and the request and formation of a subnet.
_POST_GAS, _FORMING_GAS = 120_000, 500_000


class Poster:
    """Thread-safe. ``account`` pays from its balance in the market, and from nothing else."""

    def __init__(
        self,
        db: Database,
        network: Network,
        outbox: Outbox,
        shelf: Shelf,
        purse: Purse,
        store: BlobStore,
        leases: Leases,
        records: Records,
        most: int,
        wake: Callable[[], None],
    ) -> None:
        self._db = db
        self._network = network
        self._outbox = outbox
        self._shelf = shelf
        self._purse = purse
        self._store = store
        self._leases = leases
        self._records = records
        self._wake = wake
        self._places = threading.BoundedSemaphore(most)
        # Formation takes minutes: who waits for it must not keep others from live subnets.
        self._forming = threading.BoundedSemaphore(max(1, most // 2))
        self._committing = threading.Lock()

    # --- what the API asks for ----------------------------------------------------------------

    def post(self, order: Order, share: Share) -> Placed:
        """A job of our own for one caller. Raises FusionError: nothing was posted then."""
        posting, reserved = self.reserve(order, share)
        return self.commit(order, posting, [reserved])[0]

    def offer(self, order: Order, share: Share, requester: str) -> Placed:
        """A job that the wallet ``requester`` posts and pays for itself."""
        check_size(self._network, order, len(share.items))
        posting = self._posting(order, share.caller, 0)
        with self.place():
            return self._offer(order, posting, share, requester)

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of few: whoever finds none is told at once. Raises BusyError."""
        with _one_of(self._places, "jobs are being prepared"):
            yield

    # --- its steps ----------------------------------------------------------------------------

    def reserve(self, order: Order, share: Share) -> tuple[Posting, Share]:
        """The subnet's posting, and the share with its money reserved."""
        n = len(share.items)
        check_size(self._network, order, n)
        tip = self._network.marketplace.keeper_tip
        posting = self._posting(order, share.caller, n * (order.price or 0) + tip)
        price = order.price if order.price is not None else dearest(posting)
        cost = n * price + tip + self._purse.gas(_POST_GAS)
        return posting, replace(share, reservation=self._purse.reserve(share.caller, cost, n))

    def seat(self, order: Order, share: Share) -> tuple[Posting, Share, int]:
        """``reserve``, and the most items that share a job."""
        return *self.reserve(order, share), most_items(self._network, order)

    def abandon(self, share: Share) -> None:
        """A reserved share that goes nowhere."""
        self._purse.release(share.reservation)

    def commit(self, order: Order, posting: Posting, shares: Sequence[Share]) -> list[Placed]:
        """One job for all shares: prepared, then written down with its transaction. Releases what
        was reserved when nothing comes of it."""
        with ExitStack() as undo:
            for share in shares:
                undo.callback(self._purse.release, share.reservation)
            with self.place():
                placed = self._commit(order, posting, shares)
            undo.pop_all()
        return placed

    def _commit(self, order: Order, posting: Posting, shares: Sequence[Share]) -> list[Placed]:
        items = [item for share in shares for item in share.items]
        record = self._records.keep(order)
        choice = ByBalance(self._leases.balancer(posting.subnet))
        with ExitStack() as undo:
            undo.callback(choice.cancel)
            wish = _wish(order, len(items), record)
            prepared = posting.prepare(self._outbox.sender, items, wish, 0, choice)
            placed = self._write(prepared, shares, items)
            undo.pop_all()
        # An answer takes a block at the least: nothing is heard of the job before this.
        self._leases.keep(prepared.job_id, choice.lease, prepared.acceptance is not None)
        self._wake()
        self._records.hand_on(posting, record)
        log.info("job queued", job=prepared.job_id.hex(), items=len(items), callers=len(shares))
        return placed

    def _write(
        self, prepared: Prepared, shares: Sequence[Share], items: Sequence[bytes]
    ) -> list[Placed]:
        """Job, shares and transaction, at once or not at all."""
        due = self._network.marketplace.value_due(prepared.terms)
        gas = self._purse.gas(_POST_GAS)
        with self._committing:
            self._purse.check_balance(due)
            with self._db.session() as session:
                self._write_job(session, prepared, items, "balance", State.QUEUED)
                placed = self._write_shares(session, prepared, shares, due + gas)
                self._enqueue(session, prepared)
        return placed

    def _write_shares(
        self, session: Session, prepared: Prepared, shares: Sequence[Share], cost: int
    ) -> list[Placed]:
        placed, first = [], 0
        for share in shares:
            count = len(share.items)
            self._write_request(session, prepared, share, first)
            part = -(-cost * count // prepared.terms.n)
            values = {"job_id": prepared.job_id, "wei": part}
            spend = update(SpendRow).where(SpendRow.id == share.reservation)
            session.execute(spend.values(**values))
            placed.append(Placed(prepared.job_id, first, count, prepared))
            first += count
        return placed

    def _write_job(
        self,
        session: Session,
        prepared: Prepared,
        items: Sequence[bytes],
        origin: str,
        state: State,
    ) -> None:
        cid = self._store.put(b"".join(items))
        session.add(new_job(prepared.job_id, prepared.terms, origin, state, cid))
        session.flush()
        accepted = prepared.acceptance is not None
        note(
            session,
            prepared.job_id,
            state.value,
            {"items": len(items), "accepted": accepted, "refusals": list(prepared.notes)},
        )

    def _write_request(
        self, session: Session, prepared: Prepared, share: Share, first: int
    ) -> None:
        session.add(
            RequestRow(
                caller=share.caller.name,
                idempotency=share.idempotency,
                digest=share.digest,
                job_id=prepared.job_id,
                first=first,
                count=len(share.items),
                extra=share.extra,
            )
        )

    def _enqueue(self, session: Session, prepared: Prepared) -> None:
        until = prepared.terms.deliver_by
        if prepared.acceptance is not None:
            until = min(until, prepared.acceptance.until)
        call, key = prepared.call, f"{_POST}{prepared.job_id.hex()}"
        self._outbox.enqueue(session, key, call.to, call.data, call.value, deadline=until)

    def _offer(self, order: Order, posting: Posting, share: Share, requester: str) -> Placed:
        record = self._records.keep(order)
        wish = _wish(order, len(share.items), record)
        prepared = posting.prepare(requester, share.items, wish)
        with self._db.session() as session:
            self._write_job(session, prepared, share.items, "wallet", State.OFFERED)
            call = prepared.call
            transaction = {"to": call.to, "data": "0x" + call.data.hex(), "value": str(call.value)}
            kept = replace(
                share,
                extra={
                    **share.extra,
                    "transaction": transaction,
                    "acceptance": prepared.acceptance.to_json() if prepared.acceptance else None,
                },
            )
            self._write_request(session, prepared, kept, 0)
        self._records.hand_on(posting, record)
        return Placed(prepared.job_id, 0, len(share.items), prepared)

    def _posting(self, order: Order, caller: Caller, due: int) -> Posting:
        return self._shelf.posting(self._subnet(order, caller, due), order.model, order.selector)

    def _subnet(self, order: Order, caller: Caller, due: int) -> SubnetInfo:
        """A live one; forming one costs the caller its tip and gas, and is for nothing where the
        ``due`` wei of the job are not there."""
        found = self._shelf.live(order.spec)
        if found is not None:
            return found
        self._purse.check_balance(due)
        cost = self._network.subnets.formation_tip + self._purse.gas(_FORMING_GAS)
        reservation = self._purse.reserve(caller, cost, 0)
        try:
            with _one_of(self._forming, "subnets are being formed"):
                return self._shelf.subnet(order.spec, caller.may_spend)
        except FusionError:
            self._purse.release(reservation)
            raise

    # --- what became of them ------------------------------------------------------------------

    def review(self) -> set[bytes]:
        """Posts that came to nothing: the jobs."""
        changed = set()
        with self._db.session() as session:
            for row in self._outbox.outcomes(session):
                if row.key.startswith(_POST) and row.state in FAILED:
                    changed.add(self._fail(session, row))
                self._outbox.acknowledge(session, row)
        return changed

    def _fail(self, session: Session, row: OutboxRow) -> bytes:
        job_id = bytes.fromhex(row.key.removeprefix(_POST))
        job = session.get_one(JobRow, job_id)
        job.failure = row.reason or row.state
        note(session, job_id, "failed", {"why": job.failure})
        session.execute(update(SpendRow).where(SpendRow.job_id == job_id).values(wei=0))
        session.flush()
        refold(session, job_id)
        log.warning("job failed", job=job_id.hex(), reason=job.failure)
        return job_id


@contextmanager
def _one_of(places: threading.BoundedSemaphore, what: str) -> Iterator[None]:
    if not places.acquire(blocking=False):
        raise BusyError(f"too many {what}", _BUSY_SECONDS)
    try:
        yield
    finally:
        places.release()


def _wish(order: Order, n: int, record: bytes | None) -> Wish:
    """With the price for ``n`` items and the record's hash."""
    price = None if order.price is None else n * order.price
    decision = ZERO_32 if record is None else keccak(record)
    return replace(order.wish, max_price=price, decision=decision)


def check_size(network: Network, order: Order, n: int) -> None:
    """Raises MisfitError when one job can't have so many items."""
    most = most_items(network, order)
    if not 1 <= n <= most:
        raise MisfitError(f"{n} items; a job of this model and method has 1 to {most}")


def most_items(network: Network, order: Order) -> int:
    """By the card, the method, and what a delivery may carry."""
    method = network.marketplace.method(order.selector)
    fits = MAX_OUTPUT // order.card.item_bytes_out
    return max(1, min(order.card.limits.max_items, method.max_n if method else 1, fits))


def dearest(posting: Posting) -> int:
    """Wei per item of the member that asks most."""
    return max(member.price for member in posting.members)
