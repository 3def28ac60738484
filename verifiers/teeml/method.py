# SPDX-License-Identifier: Apache-2.0
"""Method `teeml`: the enclave runs the model and signs the answer; its key is on the chain.

The worker carries: models in, inputs in (sealed ones as they are), signed answers out, collateral
and registrations to the chain. Nothing that it does can make a wrong answer pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

from offchain_workers.chain.call import Call, Multicall
from offchain_workers.chain.contracts import JobTerms, Network
from offchain_workers.chain.contracts.base import ZERO_ADDRESS
from offchain_workers.chain.contracts.teeml_verifier import TEEML, TeemlVerifier
from offchain_workers.chain.contracts.terms import ZERO_32
from offchain_workers.chain.merkle import batch_commitment
from offchain_workers.config import Settings
from offchain_workers.models import ModelCard
from offchain_workers.sealing import SealedError, SealingKeyError
from verifiers.base import (
    Answered,
    Assignment,
    Auditor,
    Candidate,
    Concealed,
    Earning,
    ModelView,
    Step,
)
from verifiers.errors import InputUnopenedError, NotReadyError
from verifiers.teeml.errors import (
    EnclaveGoneError,
    EnclaveInputError,
    EnclaveKeyError,
    EnclaveModelError,
    EnclaveRefusedError,
    PayloadError,
)
from verifiers.teeml.machine import Machine
from verifiers.teeml.market import lives_until, newest_sealing_key, verifier_of
from verifiers.teeml.payload import Payload

# Whole-transaction gas of a delivery, then what each byte of output adds; a quote costs more.
_GAS, _GAS_PER_BYTE, _QUOTE_GAS = 90_000, 40, 190_000
_MOST_OUTPUT = 16_384
# What an enclave says that has lost its memory; it gets all of it back.
_STARTED_ANEW = (EnclaveKeyError.CODE, EnclaveModelError.CODE)
# And of an input that is not for it.
_UNOPENED = (SealedError.CODE, SealingKeyError.CODE, PayloadError.CODE, EnclaveInputError.CODE)


class TeemlMethod:
    """See the module."""

    name = "teeml"
    selector = TEEML

    def __init__(self) -> None:
        self._machine: Machine | None = None
        self._admitted: dict[bytes, Candidate] = {}

    def configure(self, settings: Settings, network: Network, operator: str) -> None:
        """Where the enclave is, and for whom it signs."""
        self._machine = Machine(settings, network, operator)

    def close(self) -> None:
        """The enclave ends with the worker, unless somebody else started it."""
        if self._machine is not None:
            self._machine.close()

    def commit_input(self, items: Sequence[bytes], model: ModelView) -> bytes:
        """As under method none. A private input's is its payload's."""
        return batch_commitment(items)

    def conceal(
        self, items: Sequence[bytes], model: ModelView, model_id: bytes, reply: bytes
    ) -> Concealed:
        """For the enclave alone, blinded; the answer is sealed to ``reply``, unless it is zeros."""
        payload = Payload.of(items[0], model_id, reply)
        return Concealed(payload.encode(), payload.commitment)

    def recipient(
        self, network: Network, terms: JobTerms, operator: str, announced: Callable[[], bytes]
    ) -> bytes:
        """Of the operator's live keys under the job's policy, the newest. Raises NotReadyError."""
        return newest_sealing_key(network, listed(network), terms, operator)

    def check_terms(self, terms: JobTerms, card: ModelCard) -> str | None:
        """A policy; an output that fits, sealed or not."""
        if terms.artifact_id == ZERO_32:
            return "the model names no policy under teeml"
        size = terms.n * card.item_bytes_out
        return f"{size} bytes of output, at most {_MOST_OUTPUT}" if size > _MOST_OUTPUT else None

    def locks(self, network: Network, jobs: Sequence[JobTerms]) -> int:
        """Nothing: the policy's bond is locked with the key."""
        return 0

    def admit(self, candidate: Candidate) -> None:
        """Into the enclave with it, and its policy is served from now on.

        Without a worker around (`fusion operator offer`) nothing is started.
        Raises EnclaveGoneError, EnclaveRefusedError, PolicyRefusedError, StoreError.
        """
        if candidate.artifact_id == ZERO_32 or self._machine is None:
            return
        self._machine.load(candidate)
        self._machine.serve(candidate.artifact_id)
        self._admitted = {**self._admitted, candidate.record.model_id: candidate}

    def delivery_gas(self, terms: JobTerms, output_bytes: int) -> int:
        """Of a delivery that is paid at once."""
        quote = _QUOTE_GAS if self._machine is not None and self._machine.quotes else 0
        return _GAS + _GAS_PER_BYTE * output_bytes + quote

    def ready(self, terms: JobTerms, items: Sequence[bytes]) -> None:
        """A live key, and an input that it opens. Raises NotReadyError, InputUnopenedError,
        EnclaveRefusedError."""
        machine = self._running()
        if machine.quotes:
            machine.direct.ready(terms)
            if batch_commitment(items) != terms.input_commitment:
                raise InputUnopenedError("this worker registers no key to seal inputs to")
            return
        key = machine.registrar.key(terms.artifact_id)
        if lives_until(listed(machine.network), terms.artifact_id, key) is None:
            raise NotReadyError("the enclave's key was revoked or replaced")
        if batch_commitment(items) == terms.input_commitment:
            return
        if machine.registrar.lasts_until(terms.artifact_id) < terms.deliver_by:
            raise NotReadyError("the enclave's key ends before the private job's deadline")
        domain = machine.network.marketplace.domain
        with _told():
            machine.client.check(key, domain, terms, b"".join(items))

    def answer(self, job: Assignment) -> Answered:
        """Run and signed inside. Raises NotReadyError, InputUnopenedError, EnclaveRefusedError."""
        machine, terms = self._running(), job.terms
        if machine.quotes:
            with _told():
                return machine.direct.answer(job)
        key = machine.registrar.signer(terms.artifact_id)
        domain = job.network.marketplace.domain
        with _told():
            found = machine.client.answer(key, domain, terms, b"".join(job.items()))
        call = listed(job.network).deliver(terms, key, found.output, found.signature)
        machine.registrar.check(terms.artifact_id, key, call)
        return Answered(found.output, call)

    def deliver(self, job: Assignment) -> Call:
        """The delivery of ``answer``."""
        return self.answer(job).call

    def follow_up(self, job: Assignment) -> Sequence[Call]:
        """The payment of an answer whose hold is over."""
        w3, verifier = job.network.marketplace.w3, listed(job.network)
        claim = verifier.claim_of(job.job_id)
        now = int(w3.eth.get_block("latest")["timestamp"])
        if claim is None or now <= claim[1]:
            return ()
        terms = job.terms
        waits = terms.callback_target != ZERO_ADDRESS and not terms.callback_eager
        return (verifier.finalise(terms, job.output() if waits else b""),)

    def excuses(self, job: Assignment) -> Sequence[Call]:
        """Of a job whose key the policy's guardian took."""
        machine = self._machine
        return () if machine is None or machine.quotes else machine.registrar.excuses(job.terms)

    def upkeep(self) -> Sequence[Step]:
        """Models into an enclave that was started anew; collateral and registrations."""
        machine = self._machine
        if machine is None or not self._admitted:
            return ()
        inside = machine.client.hello()["models"]
        for model_id, candidate in self._admitted.items():
            if "0x" + model_id.hex() not in inside:
                machine.load(candidate)
        return machine.look()

    def auditor(self, network: Network, operator: str, budget: int) -> Auditor | None:
        """The hardware is believed, or not: there is nothing to run again."""
        return None

    def earnings(self, network: Network, operator: str, to: str) -> Sequence[Earning]:
        """The market keeps the money."""
        return ()

    def multicall(self, network: Network) -> Multicall | None:
        """A delivery goes alone."""
        return None

    def _running(self) -> Machine:
        if self._machine is None:
            raise NotReadyError("no enclave is configured")
        return self._machine


@contextmanager
def _told() -> Iterator[None]:
    """What an enclave says, as the worker wants to know it."""
    try:
        yield
    except EnclaveGoneError as error:
        raise NotReadyError(error.message) from error
    except EnclaveRefusedError as error:
        if error.inner in _STARTED_ANEW:
            raise NotReadyError(error.message) from error
        if error.inner in _UNOPENED:
            raise InputUnopenedError(error.message) from error
        raise


@lru_cache(maxsize=8)
def listed(network: Network) -> TeemlVerifier:
    """A market never changes a method's contract. Raises NotListedError."""
    return verifier_of(network)
