# SPDX-License-Identifier: Apache-2.0
"""Method `zkml`: deliver an answer with the proof of it, and be paid at once.

Keys are made when a model is admitted and lie in a folder until the process ends; everything else
is found again in the card.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from offchain_workers.chain.call import Call, Multicall
from offchain_workers.chain.contracts import JobTerms, Network
from offchain_workers.chain.contracts.terms import ZERO_32
from offchain_workers.chain.contracts.zkml import ZKML
from offchain_workers.models import ModelCard
from offchain_workers.models.lowering import manifest
from offchain_workers.models.wire import unpack_items
from verifiers.base import Answered, Assignment, Auditor, Candidate, Concealed, Earning, ModelView
from verifiers.scratch import Scratch, sweep
from verifiers.zkml import bundle
from verifiers.zkml.bundle import CIRCUIT_FILE, Bundle
from verifiers.zkml.circuit import (
    METHOD,
    MOST_BYTES,
    Description,
    commitment,
    felt,
    felts_hash,
    signed,
)
from verifiers.zkml.errors import (
    CircuitError,
    EzklFailedError,
    EzklKilledError,
    EzklTimeoutError,
    ProgramError,
    UncheckedProgramError,
    UnsafeSettingsError,
    ZkError,
)
from verifiers.zkml.faults import (
    ArtifactError,
    BundleError,
    ItemCountError,
    NotAdmittedError,
    PublicInputError,
    RederivedError,
)
from verifiers.zkml.keys import check_provable, commit_with_files, prepared, tried
from verifiers.zkml.placed import check_placed, verifier_of
from verifiers.zkml.prover import SCRATCH, Proof, Prover

# Whole-transaction gas of a delivery, then what each byte of output adds.
_GAS, _GAS_PER_BYTE = 950_000, 130
# Of a model's files, which never change; what a machine lacks may come.
_LASTING = (
    *(ArtifactError, BundleError, CircuitError, ProgramError, RederivedError),
    *(UncheckedProgramError, UnsafeSettingsError),
    *(EzklFailedError, EzklKilledError, EzklTimeoutError),
)
_NOT_THE_RECORDS = "the card's circuit is not the one of the model's record"


@dataclass(frozen=True)
class Admitted:
    """A model's bundle with its keys; one proof at a time, and beside it one input is screened."""

    bundle: Bundle
    prover: Prover
    lock: threading.Lock = field(default_factory=threading.Lock)
    screening: threading.Lock = field(default_factory=threading.Lock)


class ZkmlMethod:
    """See the module."""

    name = "zkml"
    selector = ZKML

    def __init__(self) -> None:
        self._admitted: dict[bytes, Admitted] = {}
        self._folders: list[Scratch] = []
        self._refused: dict[bytes, ZkError] = {}
        # What a killed process of ours left: keys, and perhaps somebody's input.
        sweep(SCRATCH)

    def commit_input(self, items: Sequence[bytes], model: ModelView) -> bytes:
        """Of the public values, or of the points that commit to them. Raises ItemCountError,
        ArtifactError; ezkl's errors where points are needed."""
        if len(items) != 1:
            raise ItemCountError(f"a job under zkml has one input, not {len(items)}")
        found = described(model)
        values = values_of(model.card, items[0])
        if found.circuit.inputs:
            return felts_hash([felt(value) for value in values])
        known = self._admitted.get(found.circuit.artifact_id())
        if known is not None:
            with known.lock:
                return commitment(known.prover.commitment(values))
        return commit_with_files(model, values)

    def conceal(
        self, items: Sequence[bytes], model: ModelView, model_id: bytes, reply: bytes
    ) -> Concealed:
        """The item itself, under its commitment by points. The answer is public.

        Raises PublicInputError where a proof shows the input; otherwise as ``commit_input``.
        """
        if described(model).circuit.inputs:
            raise PublicInputError("the model's circuit shows its input; nothing was posted")
        return Concealed(b"".join(items), self.commit_input(items, model))

    def recipient(
        self, network: Network, terms: JobTerms, operator: str, announced: Callable[[], bytes]
    ) -> bytes:
        """The operator's own key."""
        return announced()

    def check_terms(self, terms: JobTerms, card: ModelCard) -> str | None:
        """One item; an artifact."""
        if terms.artifact_id == ZERO_32:
            return "the model has no artifact under zkml"
        return None if terms.n == 1 else f"{terms.n} items, zkml takes one"

    def locks(self, network: Network, jobs: Sequence[JobTerms]) -> int:
        """Nothing: an answer is final."""
        return 0

    def admit(self, candidate: Candidate) -> None:
        """See that the chain can take proofs, make the keys, compare with what is published, prove
        once. A model without an artifact never gets a job under this method; one that failed for
        its files' sake is not tried again. Raises the errors of bundles, ezkl and
        ``check_placed``, RederivedError."""
        if candidate.artifact_id == ZERO_32:
            return
        model_id = candidate.record.model_id
        if (before := self._refused.get(model_id)) is not None:
            raise type(before)(before.message)
        try:
            self._admit(candidate)
        except _LASTING as error:
            self._refused[model_id] = error
            raise

    def _admit(self, candidate: Candidate) -> None:
        """Several models may have one artifact: each card is checked, keys are made once."""
        found = bundle.fetch(candidate.card, candidate.blob)
        if found.artifact_id != candidate.artifact_id:
            raise ArtifactError(_NOT_THE_RECORDS)
        known = self._admitted.get(found.artifact_id)
        if known is not None and known.bundle.files == found.files:
            return
        check_placed(candidate.network, found.description)
        place = Scratch(SCRATCH)
        prover = prepared(found, Path(place.name))
        tried(found, prover)
        self._folders.append(place)
        self._admitted[found.artifact_id] = Admitted(found, prover)

    def screen(self, terms: JobTerms, items: Sequence[bytes], card: ModelCard) -> None:
        """Compute the circuit, which is a small part of a proof. Raises as ``Screening``;
        NotAdmittedError, ezkl's errors."""
        known = self._known(terms)
        with known.screening:
            check_provable(known.prover, values_of(card, items[0]))

    def delivery_gas(self, terms: JobTerms, output_bytes: int) -> int:
        """Of a small circuit; depends on the circuit."""
        return _GAS + _GAS_PER_BYTE * output_bytes

    def deliver(self, job: Assignment) -> Call:
        """As ``proved``."""
        return self.proved(job).call

    def proved(self, job: Assignment) -> Answered:
        """Prove, and see that the proof is about this input; the output is the proof's own. No
        engine sees the input. Raises InputUnprovableError, NotAdmittedError, ezkl's."""
        known = self._known(job.terms)
        values = values_of(job.card(), job.items()[0])
        try:
            with known.lock:
                proof = known.prover.prove(values)
        except EzklFailedError:
            check_provable(known.prover, values)
            raise
        if about(known.bundle, proof) != job.terms.input_commitment:
            raise NotAdmittedError("the proof is not about the job's input")
        circuit, verifier = known.bundle.circuit, verifier_of(job.network)
        output = b"".join(answer_bytes(each) for each in proof.instances[circuit.inputs :])
        call = verifier.deliver(job.terms, circuit.abi(), proof.data, proof.instances)
        return Answered(output, call)

    def _known(self, terms: JobTerms) -> Admitted:
        found = self._admitted.get(terms.artifact_id)
        if found is None:
            raise NotAdmittedError("the model's circuit was not prepared on this machine")
        return found

    def follow_up(self, job: Assignment) -> Sequence[Call]:
        """Nothing: a delivery is final."""
        return ()

    def auditor(self, network: Network, operator: str, budget: int) -> Auditor | None:
        """A proof needs no audit."""
        return None

    def earnings(self, network: Network, operator: str, to: str) -> Sequence[Earning]:
        """The market keeps the money."""
        return ()

    def multicall(self, network: Network) -> Multicall | None:
        """A proof is checked and paid in a transaction of its own."""
        return None


def values_of(card: ModelCard, item: bytes) -> list[int]:
    """The integers of an input's wire bytes. Raises WireLengthError."""
    (array,) = unpack_items(card.inputs, item, 1).values()
    return [int(value) for value in np.asarray(array).reshape(-1)]


def answer_bytes(value: int) -> bytes:
    """A value of an output as the contract gives it. Raises NotAdmittedError."""
    try:
        return signed(value).to_bytes(8, "little", signed=True)
    except OverflowError:
        raise NotAdmittedError("an output that 8 bytes don't hold") from None


def about(found: Bundle, proof: Proof) -> bytes:
    """The commitment to the input that a proof is about."""
    if found.circuit.inputs:
        return felts_hash(list(proof.instances[: found.circuit.inputs]))
    return commitment(proof.data[:64])


def described(model: ModelView) -> Description:
    """The circuit that the card lists, if it is the one that the chain takes proofs of.

    Raises ArtifactError, StoreError.
    """
    listed = manifest(model.card, METHOD)
    if CIRCUIT_FILE not in listed:
        raise ArtifactError(f"the card lists no {CIRCUIT_FILE} under {METHOD}")
    found = Description.from_json(model.blob(listed[CIRCUIT_FILE], MOST_BYTES))
    if found.circuit.artifact_id() != model.artifacts.get(ZKML, ZERO_32):
        raise ArtifactError(_NOT_THE_RECORDS)
    found.check_card(model.card)
    return found
