# SPDX-License-Identifier: Apache-2.0
"""What a verification method must offer in Python for a worker to serve it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from offchain_workers.chain.call import Call, Multicall
from offchain_workers.chain.contracts import JobTerms, Network
from offchain_workers.config import Settings
from offchain_workers.engines.base import Session
from offchain_workers.errors import FusionError
from offchain_workers.models import ModelCard
from offchain_workers.models.catalog import PublishedModel
from offchain_workers.storage import BlobMissingError

# A file by content id, with the most bytes it may have. Raises StoreError.
ReadBlob = Callable[[str, int], bytes]

# The folder beside the blobs in which methods keep verdicts about models.
VERDICTS = "verdicts"


def no_blob(cid: str, max_bytes: int) -> bytes:
    """Where no file of a model is at hand. Raises BlobMissingError."""
    raise BlobMissingError(cid)


@dataclass(frozen=True)
class ModelView:
    """What a job's input is committed to by: the model's card, and any of its files.

    ``artifacts`` by selector, as the model's record has them: what a card lists must be theirs.
    """

    card: ModelCard
    blob: ReadBlob = no_blob
    artifacts: Mapping[bytes, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Assignment:
    """A job that an operator answers, with ways to what belongs to it.

    ``card`` of its model, ``items`` the input's wire bytes, checked against the commitment,
    ``output`` the bytes that were delivered, ``blob`` any file of the model. They are asked for
    when needed: each may read a disk or a peer and raises FusionError.
    """

    network: Network
    terms: JobTerms
    operator: str
    card: Callable[[], ModelCard]
    items: Callable[[], Sequence[bytes]]
    output: Callable[[], bytes]
    blob: ReadBlob

    @property
    def job_id(self) -> bytes:
        return self.terms.job_id(self.network.marketplace.domain)


@dataclass(frozen=True)
class Candidate:
    """A model as this machine runs it, before jobs under a method are taken.

    ``session`` is what will answer jobs, on ``provider`` of the runtime ``runtime`` (name and
    version); ``folder`` keeps verdicts over restarts; ``record``: as it was published on
    ``network``.
    """

    card: ModelCard
    artifact_id: bytes
    session: Session
    provider: str
    runtime: str
    blob: ReadBlob
    folder: Path
    record: PublishedModel
    network: Network


class Earning(NamedTuple):
    """Wei that a contract owes an operator, and the call that fetches it; ``at`` names the contract
    in a few letters."""

    at: str
    wei: int
    call: Call


class Step(NamedTuple):
    """A call that should go out now, and what it is in one word."""

    what: str
    call: Call


@dataclass(frozen=True)
class Duty:
    """What other members' claims about a job need from us now; ``left``: why not more."""

    steps: Sequence[Step] = ()
    left: FusionError | None = None


class Auditor(Protocol):
    """An operator's side of a method's audits. Used from several threads, for each job by one."""

    def recover(self) -> None:
        """Find on the chain what an earlier run left unfinished. Raises FusionError."""
        ...

    def unfinished(self) -> Collection[bytes]:
        """Jobs that need attention still, whether they are pending or not."""
        ...

    def due(self, job: Assignment) -> Duty:
        """Asked about once a block while another member's claim is pending, or the job is
        unfinished; ``job.output`` is nobody's. As ``Method.follow_up`` otherwise."""
        ...


class Answered(NamedTuple):
    """An output's bytes as they are posted, and the delivery with its evidence."""

    output: bytes
    call: Call


@runtime_checkable
class Answering(Protocol):
    """What a method adds when the answer comes with its evidence: the worker's engine, which may be
    somebody else's server, gets no input of a job then."""

    def proved(self, job: Assignment) -> Answered:
        """The same output each time for a job. May take long; raises NotReadyError, FusionError."""
        ...


@runtime_checkable
class Enclosed(Protocol):
    """What a method offers beside ``Method`` when it answers where the worker can't look: the
    worker's own engine is not asked then. Of a private job, ``items`` is the one sealed box.
    """

    def configure(self, settings: Settings, network: Network, operator: str) -> None:
        """Told once, before all else. Asks no network and starts nothing."""
        ...

    def ready(self, terms: JobTerms, items: Sequence[bytes]) -> None:
        """Before a job is promised. Raises NotReadyError when there is nothing to answer with,
        another FusionError when the input can't be used."""
        ...

    def answer(self, job: Assignment) -> Answered:
        """The same each time for a job. May take long; raises NotReadyError, FusionError."""
        ...

    def upkeep(self) -> Sequence[Step]:
        """What the operator should send now, so that jobs can be answered. Asked about once a
        block, from one thread; may take long; raises FusionError."""
        ...

    def close(self) -> None:
        """Let go of what was started."""
        ...


@runtime_checkable
class Excusing(Protocol):
    """What a method adds whose operators may be freed of a promise that they can't keep."""

    def excuses(self, job: Assignment) -> Sequence[Call]:
        """What frees the operator of an open job that it owes; empty while it can answer, and when
        nothing frees it. Asked about once a block, as ``Method.follow_up``. Raises FusionError."""
        ...


@runtime_checkable
class Screening(Protocol):
    """What a method adds when some inputs that fit the card have no evidence: a promise to answer
    one could only be broken."""

    def screen(self, terms: JobTerms, items: Sequence[bytes], card: ModelCard) -> None:
        """Before a job is promised, from several threads; cheap beside the evidence itself. Raises
        InputUnprovableError, another FusionError when this machine can't tell."""
        ...


class Concealed(NamedTuple):
    """What is sealed to the worker, and the commitment that the terms carry."""

    payload: bytes
    commitment: bytes


@runtime_checkable
class Concealing(Protocol):
    """What a method adds when its jobs can keep their input between requester and worker.

    A method without it takes no private job: others than the primary must see what was asked.
    """

    def conceal(
        self, items: Sequence[bytes], model: ModelView, model_id: bytes, reply: bytes
    ) -> Concealed:
        """Of a private job's items. ``reply``: a public key to which a method may seal the answer,
        or zeros. Raises FusionError for a model whose inputs are public all the same."""
        ...

    def recipient(
        self, network: Network, terms: JobTerms, operator: str, announced: Callable[[], bytes]
    ) -> bytes:
        """The public key (32 bytes) to which ``operator``'s box is sealed. ``announced``: the one
        in its manifest, fetched when asked for. Raises FusionError."""
        ...


class Method(Protocol):
    """One method's Python side. Remembers nothing that it could not find out again."""

    @property
    def name(self) -> str:
        """As in ``selector_of(name)``."""
        ...

    @property
    def selector(self) -> bytes:
        """The 4 bytes under which the market lists it."""
        ...

    def commit_input(self, items: Sequence[bytes], model: ModelView) -> bytes:
        """The ``input_commitment`` that terms over these items (wire bytes) must have.

        May read files of the model. Raises FusionError when the method can't carry so many.
        """
        ...

    def check_terms(self, terms: JobTerms, card: ModelCard) -> str | None:
        """Why the method can't serve such terms of a model, None when it can."""
        ...

    def locks(self, network: Network, jobs: Sequence[JobTerms]) -> int:
        """Wei of the operator's stake that deliveries of these jobs lock, by now's prices."""
        ...

    def admit(self, candidate: Candidate) -> None:
        """Raise FusionError when this machine must not answer jobs with the model.

        Asked once each time that a worker loads the model. May take long.
        """
        ...

    def delivery_gas(self, terms: JobTerms, output_bytes: int) -> int:
        """Gas that a delivery is expected to use, without the callback's."""
        ...

    def deliver(self, job: Assignment) -> Call:
        """The delivery with its evidence. May take long; raises FusionError, StakeNotFreeError
        when the operator lacks what the method wants locked."""
        ...

    def follow_up(self, job: Assignment) -> Sequence[Call]:
        """The calls that the operator's pending claim needs now, by the chain's clock: answer a
        challenge, finalise. Empty when nothing is due yet.

        A worker asks about once a block while the claim is pending, after a restart too, from a
        thread beside its loop; it asks again only when the last call returned, so this may take as
        long as the method's clocks allow. What is returned is sent at once, so only what would go
        through in the next block. Returning the same call again does no harm: each ``data`` is
        sent once per job, and a few times more if the chain refuses it. May raise FusionError.
        """
        ...

    def auditor(self, network: Network, operator: str, budget: int) -> Auditor | None:
        """Who runs other members' claims again when an audit asks for it; None when the method, or
        its deployment, has no audits. ``budget``: wei that may be in bonds at a time."""
        ...

    def earnings(self, network: Network, operator: str, to: str) -> Sequence[Earning]:
        """What the method's own contracts owe the operator, to be sent ``to`` an address."""
        ...

    def multicall(self, network: Network) -> Multicall | None:
        """How its deliveries and follow-ups can share a transaction; None when they can't."""
        ...
