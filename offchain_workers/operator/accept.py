# SPDX-License-Identifier: Apache-2.0
"""Promise jobs: check terms and input, see that stake and slots are free, write down, sign."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from eth_account.signers.local import LocalAccount
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from offchain_workers.chain.contracts import Acceptance, JobTerms, Network, sign_acceptance
from offchain_workers.chain.contracts.base import NATIVE
from offchain_workers.chain.db import Database
from offchain_workers.daemon.clock import ChainClock
from offchain_workers.daemon.inputs import Inputs
from offchain_workers.errors import FusionError
from offchain_workers.models import ModelCard
from offchain_workers.operator.decide import Facts, can_serve, too_late, worth_it
from offchain_workers.operator.metrics import Metrics
from offchain_workers.operator.reasons import Reason, RefusedError, Skip, refuse, refusing
from offchain_workers.operator.tables import JobRow, Status, SubnetRow
from offchain_workers.operator.watch import new_job
from offchain_workers.sealing import OVERHEAD
from offchain_workers.storage import StoreError
from verifiers.base import Enclosed, Method, ModelView, Screening
from verifiers.errors import InputUnopenedError, InputUnprovableError

log = structlog.get_logger(__name__)

_GWEI = 10**9
_MOST_GWEI = 2**40 - 1
_BPS = 10_000


# One requester may hold a quarter of the promises that can be outstanding.
_REQUESTER_SHARE = 4


@dataclass(frozen=True)
class Promises:
    """``seconds`` an acceptance may be used for, ``most`` of them outstanding, and their pledge:
    ``bps`` of a price in native coin, ``flat`` wei for prices in tokens."""

    seconds: int = 60
    most: int = 32
    bps: int = 5_000
    flat: int = 10**15


class Accept:
    """Answers POST /accept, from several threads. ``facts`` is called for each request."""

    def __init__(
        self,
        account: LocalAccount,
        network: Network,
        db: Database,
        inputs: Inputs,
        facts: Callable[[], Facts],
        view: Callable[[bytes], ModelView],
        promises: Promises,
        clock: ChainClock,
        metrics: Metrics,
    ) -> None:
        self._account = account
        self._network = network
        self._db = db
        self._inputs = inputs
        self._facts = facts
        self._view = view
        self._promises = promises
        self._clock = clock
        self._metrics = metrics
        self._signing = threading.Lock()

    def answer(self, terms: JobTerms, data: bytes) -> Acceptance:
        """The signed acceptance; the same one while it holds. Raises RefusedError."""
        try:
            return self._answer(terms, data)
        except RefusedError as refused:
            self._metrics.refusals.labels(code=refused.code).inc()
            raise

    def _answer(self, terms: JobTerms, data: bytes) -> Acceptance:
        job_id = terms.job_id(self._network.marketplace.domain)
        facts = self._facts()
        with self._db.read() as session:
            known = self._standing(session, job_id)
            subnet = session.get(SubnetRow, terms.subnet_id)
        if known is not None:
            return known
        subnet = self._member(terms, subnet)
        _check(can_serve(terms, facts))
        _check(worth_it(terms, subnet.price, facts))
        _check(too_late(terms, facts))
        _check(Skip(Reason.BREAKER_OPEN) if facts.breaker_open else None)
        method = facts.methods[terms.selector]
        with refusing():
            items = self._inputs.get(terms, data, self._view(terms.model_id), method)
        if isinstance(method, Enclosed):
            _check_ready(method, terms, items)
        if isinstance(method, Screening):
            _check_provable(method, terms, items, facts.models[terms.model_id].card)
        kept = self._keep(data, items)
        return self._promise(job_id, terms, data, subnet, kept, method, facts.rules.deliver_margin)

    def _standing(self, session: Session, job_id: bytes) -> Acceptance | None:
        """The acceptance given before, while it can be used. Raises RefusedError once posted."""
        row = session.get(JobRow, job_id)
        if row is None:
            return None
        if row.status != Status.UNPOSTED:
            raise refuse(Reason.ALREADY_POSTED)
        usable = (row.promised_until or 0) >= self._clock.now()
        return row.acceptance if usable else None

    def _member(self, terms: JobTerms, subnet: SubnetRow | None) -> SubnetRow:
        """Our place in the subnet. One that we have not followed yet is read from the chain."""
        subnet = subnet or self._ask_for(terms.subnet_id)
        if subnet is None:
            raise refuse(Reason.NOT_MY_SUBNET)
        if terms.primary != subnet.mine:
            raise refuse(Reason.NOT_PRIMARY, f"the terms name member {terms.primary}")
        if self._clock.now() >= subnet.expires:
            raise refuse(Reason.TERMS_UNSERVABLE, "the subnet takes no more posts")
        return subnet

    def _ask_for(self, subnet_id: bytes) -> SubnetRow | None:
        found = self._network.subnets.subnet(subnet_id)
        operators = [operator for operator, _ in found.members] if found else []
        if found is None or self._account.address not in operators:
            return None
        members = [[0, price] for _, price in found.members]
        return SubnetRow(
            subnet_id=subnet_id,
            expires=found.expires,
            mine=operators.index(self._account.address),
            body={"members": members},
        )

    def _keep(self, data: bytes, items: Sequence[bytes]) -> str:
        limit = sum(map(len, items)) + OVERHEAD
        try:
            with refusing():
                return self._inputs.keep(data, items, limit)
        except StoreError as error:
            raise refuse(Reason.NOT_READY, error.message) from error

    # --- signing ------------------------------------------------------------------------------

    def _promise(
        self,
        job_id: bytes,
        terms: JobTerms,
        data: bytes,
        subnet: SubnetRow,
        input_cid: str,
        method: Method,
        margin: int,
    ) -> Acceptance:
        """One at a time, so that two requests can't both take the last free stake."""
        pledge = self._pledge(terms, subnet.price)
        until = self._until(terms, margin)
        with self._signing:
            free = self._free_stake() - self._locks(method, job_id, terms)
            with self._db.session() as session:
                known = self._standing(session, job_id)
                if known is not None:
                    return known
                self._check_room(session, job_id, terms.requester, pledge, free)
                domain = self._network.marketplace.domain
                signed = sign_acceptance(self._account, domain, job_id, until, pledge)
                row = session.get(JobRow, job_id)
                if row is None:
                    row = new_job(job_id, terms, data, subnet, self._clock.now())
                    session.add(row)
                row.data, row.input_cid = data, input_cid
                row.promise, row.promised_until = signed.to_json(), until
        log.info("acceptance signed", job=job_id.hex(), pledge=pledge, until=until)
        self._metrics.promises.inc()
        return signed

    def _until(self, terms: JobTerms, margin: int) -> int:
        """However late it is posted, our whole turn and the margin must still lie before the end:
        else a requester could hold the promise back until it can only be broken."""
        latest = terms.deliver_by - max(terms.turn_length, margin)
        until = min(self._clock.now() + self._promises.seconds, latest)
        if until <= self._clock.now():
            raise refuse(Reason.DEADLINE_NEAR, "no full turn is left before deliver_by")
        return until

    def _pledge(self, terms: JobTerms, unit_price: int) -> int:
        """In wei, a whole number of gwei and at least one. A share of what we would be paid: the
        highest price is the requester's number, and the rest of it comes back to it."""
        wei = self._promises.flat
        if terms.token == NATIVE:
            wei = min(terms.n * unit_price, terms.max_price) * self._promises.bps // _BPS
        gwei = max(1, -(-wei // _GWEI))
        if gwei > _MOST_GWEI:
            raise refuse(Reason.STAKE_NOT_FREE, f"a pledge of {gwei} gwei is more than fits")
        return gwei * _GWEI

    def _free_stake(self) -> int:
        found = self._network.subnets.operator(self._account.address)
        return found.free if found else 0

    def _locks(self, method: Method, job_id: bytes, terms: JobTerms) -> int:
        """What claims of this job and of all that we promised under its method will lock: a promise
        that the stake can't keep would cost the pledge."""
        with self._db.read() as session:
            rows = [*self._outstanding(session, job_id), *self._owed(session)]
        others = [row.terms for row in rows]
        alike = [one for one in others if one.selector == terms.selector]
        return method.locks(self._network, [terms, *alike])

    def _check_room(
        self, session: Session, job_id: bytes, requester: str, pledge: int, free: int
    ) -> None:
        """Promises that may still be posted count against stake; owed jobs against slots, too."""
        signed = self._outstanding(session, job_id)
        owed = len(self._owed(session))
        if len(signed) + owed >= self._promises.most:
            line = f"{len(signed)} promises outstanding, {owed} jobs owed"
            raise refuse(Reason.CAPACITY_FULL, line)
        theirs = sum(row.terms.requester == requester for row in signed)
        if theirs >= max(1, self._promises.most // _REQUESTER_SHARE):
            raise refuse(Reason.CAPACITY_FULL, f"{theirs} promises to {requester} outstanding")
        held = sum(int(row.promise["pledge"]) for row in signed if row.promise)
        if free - held < pledge:
            line = f"{free} wei free, {held} promised, {pledge} wanted"
            raise refuse(Reason.STAKE_NOT_FREE, line)

    def _outstanding(self, session: Session, job_id: bytes) -> list[JobRow]:
        """By the chain's time: only a block after ``until`` makes a promise void."""
        usable = or_(
            JobRow.promised_until >= self._clock.head, JobRow.promised_until >= self._clock.now()
        )
        query = select(JobRow).where(JobRow.status == Status.UNPOSTED, usable)
        return [row for row in session.scalars(query) if row.job_id != job_id]

    def _owed(self, session: Session) -> list[JobRow]:
        promised = JobRow.promised_until.is_not(None)
        query = select(JobRow).where(JobRow.status == Status.OPEN, promised)
        return [row for row in session.scalars(query) if row.owed]


def _check_ready(method: Enclosed, terms: JobTerms, items: Sequence[bytes]) -> None:
    try:
        method.ready(terms, items)
    except InputUnopenedError as error:
        raise refuse(Reason.INPUT_SEALED) from error
    except FusionError as error:
        raise refuse(Reason.METHOD_NOT_READY, error.message) from error


def _check_provable(
    method: Screening, terms: JobTerms, items: Sequence[bytes], card: ModelCard
) -> None:
    try:
        method.screen(terms, items, card)
    except InputUnprovableError as error:
        raise refuse(Reason.INPUT_UNPROVABLE) from error
    except FusionError as error:  # its words may show a private input
        raise refuse(Reason.METHOD_NOT_READY, error.code) from error


def _check(skip: Skip | None) -> None:
    if skip is not None:
        raise RefusedError(skip)
