# SPDX-License-Identifier: Apache-2.0
"""Answers of the enclave: input opened or checked, model run, result signed; one for each job.

A second, different result for a job would cost the operator's bond. So the first answer is kept
and signed again when it is asked for again.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from offchain_workers.chain.contracts.enclaves import Result
from offchain_workers.chain.contracts.terms import Domain, JobTerms
from offchain_workers.chain.hashing import keccak
from offchain_workers.chain.merkle import batch_commitment
from offchain_workers.models import ModelCard
from offchain_workers.models.wire import split_items
from offchain_workers.sealed_jobs import info_of
from offchain_workers.sealing import SealedError, output_info, seal
from verifiers.teeml.enclave.keys import EnclaveKey, Keyring, Purpose
from verifiers.teeml.enclave.memory import Memory
from verifiers.teeml.enclave.models import Shelf
from verifiers.teeml.enclave.witness import Vouched, Witness
from verifiers.teeml.errors import EnclaveInputError, EnclaveKeyError
from verifiers.teeml.payload import NO_REPLY, Payload


class Answer(NamedTuple):
    """``output`` as it is to be posted; v, r and s."""

    output: bytes
    signature: tuple[int, int, int]


class Quoted(NamedTuple):
    """``output`` as it is to be posted, and the quote of it."""

    output: bytes
    vouched: Vouched


class Opened(NamedTuple):
    """An input in the clear, inside."""

    items: Sequence[bytes]
    reply: bytes


class Answers:
    """Used from several threads; a job by one at a time."""

    def __init__(
        self, keys: Keyring, shelf: Shelf, witness: Witness, memory: Memory | None = None
    ) -> None:
        self._keys = keys
        self._witness = witness
        self._shelf = shelf
        self._memory = memory or Memory()
        self._lock = threading.Lock()

    def open(self, key: EnclaveKey, domain: Domain, terms: JobTerms, given: bytes) -> Opened:
        """``given``: items' wire bytes, or a box sealed to ``key`` or to an earlier one for the
        same operator and policy. Raises EnclaveInputError, SealedError, PayloadError,
        EnclaveModelError."""
        return self._open(self._keys.alike(key), domain, terms, given)

    def _open(
        self, keys: Sequence[EnclaveKey], domain: Domain, terms: JobTerms, given: bytes
    ) -> Opened:
        card = self._shelf.get(terms.model_id).card
        if len(given) == terms.n * card.item_bytes_in:
            items = split_items(card.inputs, given)
            if batch_commitment(items) == terms.input_commitment:
                return Opened(items, NO_REPLY)
        if not keys:
            raise EnclaveInputError("an input sealed to a key, and none is registered")
        return _opened(keys, domain, terms, card, given)

    def answer(self, key: EnclaveKey, domain: Domain, terms: JobTerms, given: bytes) -> Answer:
        """As ``open``; EngineError when the model fails, EnclaveKeyError for another policy's key,
        EnclaveAnsweredError when an answer is forgotten, SealingKeyError for no reply key."""
        purpose = key.purpose
        if (terms.artifact_id, domain.chain_id) != (purpose.policy, purpose.domain.chain_id):
            raise EnclaveKeyError(f"key {key.address} is not of the job's policy and chain")
        output = self._output(self._keys.alike(key), domain, terms, given)
        return Answer(output, key.sign(_result(purpose, domain, terms, output)))

    def quoted(self, purpose: Purpose, domain: Domain, terms: JobTerms, given: bytes) -> Quoted:
        """The same with a quote in place of a key's signature. Raises the witness's errors too."""
        if (terms.artifact_id, domain.chain_id) != (purpose.policy, purpose.domain.chain_id):
            raise EnclaveKeyError("what is to be quoted is not of the job's policy and chain")
        output = self._output((), domain, terms, given)
        result = _result(purpose, domain, terms, output)

        def bound(gpu_claims: bytes) -> bytes:
            return purpose.domain.quoted_hash(purpose.policy, gpu_claims, result)

        return Quoted(output, self._witness.vouch(bound, bytes(32)))

    def _output(
        self, keys: Sequence[EnclaveKey], domain: Domain, terms: JobTerms, given: bytes
    ) -> bytes:
        """The job's one answer. Raises EnclaveAnsweredError when that is forgotten."""
        job_id = terms.job_id(domain)
        with self._lock:
            output = self._memory.find(job_id, terms.deliver_by)
            if output is None:
                output = self._run(keys, domain, terms, given)
                self._memory.keep(job_id, terms.deliver_by, output)
        return output

    def _run(
        self, keys: Sequence[EnclaveKey], domain: Domain, terms: JobTerms, given: bytes
    ) -> bytes:
        found = self._open(keys, domain, terms, given)
        output = self._shelf.get(terms.model_id).run(found.items)
        if found.reply == NO_REPLY:
            return output
        return seal(found.reply, output, output_info(terms.job_id(domain)))


def _result(purpose: Purpose, domain: Domain, terms: JobTerms, output: bytes) -> Result:
    return Result(
        terms.job_id(domain),
        terms.model_id,
        terms.input_commitment,
        keccak(output),
        purpose.operator,
        terms.deliver_by,
    )


def _opened(
    keys: Sequence[EnclaveKey], domain: Domain, terms: JobTerms, card: ModelCard, given: bytes
) -> Opened:
    commitment = terms.input_commitment
    payload = Payload.parse(_unsealed(keys, given, info_of(terms, domain)))
    if payload.model_id != terms.model_id:
        raise EnclaveInputError("what was sealed is for another model")
    if payload.commitment != commitment:
        raise EnclaveInputError("what was sealed is not what the job commits to")
    if terms.n != 1 or len(payload.item) != card.item_bytes_in:
        raise EnclaveInputError(f"a private input is one item of {card.item_bytes_in} bytes")
    return Opened([payload.item], payload.reply)


def _unsealed(keys: Sequence[EnclaveKey], box: bytes, info: bytes) -> bytes:
    for key in keys[:-1]:
        with suppress(SealedError):
            return key.sealing.open(box, info)
    return keys[-1].sealing.open(box, info)
