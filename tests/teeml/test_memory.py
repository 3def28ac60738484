# SPDX-License-Identifier: Apache-2.0
"""A job is answered once, however many others come between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain_workers.chain.contracts import JobTerms
from offchain_workers.chain.contracts.enclaves import ResultDomain
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.models.demo import digits_mlp
from offchain_workers.sealing import SealingKey, input_info, seal
from tests.teeml.enclaves import (
    CHAIN,
    DOMAIN,
    OPERATOR,
    POLICY,
    PUBLISHER,
    REGISTRY,
    REQUESTER,
    VERIFIER,
    Listed,
    other,
)
from verifiers.teeml.enclave.answers import Answers
from verifiers.teeml.enclave.keys import Anchor, EnclaveKey, Keyring, Purpose
from verifiers.teeml.enclave.memory import Memory
from verifiers.teeml.enclave.models import Origin, Shelf
from verifiers.teeml.enclave.witness import Witness
from verifiers.teeml.errors import EnclaveAnsweredError
from verifiers.teeml.payload import Payload
from verifiers.teeml.providers import SimulatedProvider
from verifiers.teeml.simulated import Platform

LISTED = Listed(digits_mlp())
ITEM = LISTED.model.samples[0][1]
JOBS = st.lists(st.tuples(st.binary(min_size=1, max_size=1), st.integers(0, 5)), max_size=60)


@given(JOBS, st.integers(1, 4), st.integers(1, 6))
def test_no_order_of_jobs_and_deadlines_lets_one_be_answered_twice(
    jobs: list[tuple[bytes, int]], outputs: int, most: int
) -> None:
    """An id binds its deadline: the same id never comes with another one."""
    memory, first = Memory(outputs, most), dict[tuple[bytes, int], bytes]()
    for number, (name, deliver_by) in enumerate(jobs):
        job_id = name + bytes([deliver_by])
        try:
            known = memory.find(job_id, deliver_by)
        except EnclaveAnsweredError:
            continue
        if known is None:
            assert (name, deliver_by) not in first
            first[name, deliver_by] = b"%d" % number
            memory.keep(job_id, deliver_by, b"%d" % number)
        else:
            assert known == first[name, deliver_by]
        assert len(memory._outputs) <= outputs
        assert len(memory._answered) == len(memory._by_deadline) <= most


def test_later_deadlines_are_taken_whatever_was_forgotten() -> None:
    memory = Memory(1, 2)
    for deadline in range(10):
        assert memory.find(b"%d" % deadline, deadline) is None
        memory.keep(b"%d" % deadline, deadline, b"")
    with pytest.raises(EnclaveAnsweredError):
        memory.find(b"new", 7)
    assert memory.find(b"new", 8) is None


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    """With the model on it."""
    made, model = Shelf(EmbeddedEngine("cpu")), LISTED.model
    record = LISTED.record
    origin = Origin(CHAIN, REGISTRY, PUBLISHER, record.parent, 500, dict(record.artifacts))
    made.load(LISTED.model_id, origin, model.card.canonical(), model.onnx_bytes)
    yield made
    made.close()


def test_a_flood_of_jobs_does_not_make_an_enclave_sign_another_answer(shelf: Shelf) -> None:
    """A sealed answer is random: to make it anew would be a second result for the job."""
    witness = Witness(SimulatedProvider(Platform(), CHAIN))
    ring = Keyring(witness)
    key, _ = ring.attest(_purpose(), bytes(32), Anchor(7, b"\x09" * 32))
    answers = Answers(ring, shelf, witness, Memory(outputs=2, jobs=4))
    terms, box = _private(key)
    first = answers.answer(key, DOMAIN, terms, box)
    assert answers.answer(key, DOMAIN, terms, box) == first
    flood = [replace(other(terms), deliver_by=terms.deliver_by + n // 3) for n in range(12)]
    signed = {first.output}
    for job in flood:
        with suppress(EnclaveAnsweredError):
            answers.answer(key, DOMAIN, job, box)
        with suppress(EnclaveAnsweredError):
            signed.add(answers.answer(key, DOMAIN, terms, box).output)
    assert signed == {first.output}
    with pytest.raises(EnclaveAnsweredError):
        answers.answer(key, DOMAIN, terms, box)


def _purpose() -> Purpose:
    return Purpose(ResultDomain(CHAIN, VERIFIER), POLICY, OPERATOR)


def _private(key: EnclaveKey) -> tuple[JobTerms, bytes]:
    payload = Payload.of(ITEM, LISTED.model_id, SealingKey.generate().public)
    info = input_info(CHAIN, DOMAIN.market, REQUESTER, payload.commitment)
    box = seal(key.sealing.public, payload.encode(), info)
    return LISTED.terms([ITEM], payload.commitment), box
