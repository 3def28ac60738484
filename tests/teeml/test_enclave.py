# SPDX-License-Identifier: Apache-2.0
"""The enclave process: what it signs, what it opens, and what it refuses to have done with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from offchain_workers.chain.contracts import JobTerms
from offchain_workers.chain.contracts.enclaves import Result, ResultDomain
from offchain_workers.chain.hashing import keccak
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.models.demo import digits_mlp
from offchain_workers.models.wire import pack_items, unpack_items
from offchain_workers.sealing import SealingKey, input_info, output_info, seal
from tests.teeml.enclaves import (
    CHAIN,
    DOMAIN,
    OPERATOR,
    POLICY,
    REQUESTER,
    SIMULATED,
    VERIFIER,
    Listed,
    attested,
    other,
)
from verifiers.teeml.enclave.answers import Answer
from verifiers.teeml.enclave.client import Attested, EnclaveClient, EnclaveProcess
from verifiers.teeml.enclave.frames import Message
from verifiers.teeml.enclave.keys import Anchor, Keyring, Purpose
from verifiers.teeml.enclave.service import Service
from verifiers.teeml.enclave.witness import Witness
from verifiers.teeml.errors import EnclaveGoneError, EnclaveProtocolError, EnclaveRefusedError
from verifiers.teeml.payload import Payload
from verifiers.teeml.providers import SimulatedProvider
from verifiers.teeml.quote import Quote
from verifiers.teeml.simulated import Platform

LISTED = Listed(digits_mlp())
DOMAIN_OF_RESULTS = ResultDomain(CHAIN, VERIFIER)
ITEM = LISTED.model.samples[0][1]


@pytest.fixture(scope="module")
def process() -> Iterator[EnclaveProcess]:
    made = EnclaveProcess(SIMULATED)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def client(process: EnclaveProcess) -> Iterator[EnclaveClient]:
    made = EnclaveClient(process.ensure())
    LISTED.load(made)
    yield made
    made.close()


@pytest.fixture(scope="module")
def key(client: EnclaveClient) -> Attested:
    return attested(client)


def sealed(payload: Payload, public: bytes, requester: str = REQUESTER) -> bytes:
    info = input_info(CHAIN, DOMAIN.market, requester, payload.commitment)
    return seal(public, payload.encode(), info)


def signer(terms: JobTerms, found: Answer) -> str:
    """Who signed an answer as that of a job."""
    given = (terms.model_id, terms.input_commitment, keccak(found.output), OPERATOR)
    result = Result(terms.job_id(DOMAIN), *given, terms.deliver_by)
    message = encode_typed_data(full_message=DOMAIN_OF_RESULTS._message(result))
    return str(Account.recover_message(message, vrs=found.signature))


def expected() -> bytes:
    from offchain_workers.models import ModelSpec
    from offchain_workers.storage import content_id

    card, onnx = LISTED.model.card, LISTED.model.onnx_bytes
    session = EmbeddedEngine("cpu").load(ModelSpec(card, content_id(onnx)), onnx)
    return pack_items(card.outputs, session.run(unpack_items(card.inputs, ITEM, 1)))


def test_a_quote_is_made_of_the_key_and_of_what_it_is_for(key: Attested) -> None:
    report = Quote.parse(key.quote).report
    assert report.report_data == DOMAIN_OF_RESULTS.binding_hash(POLICY, key.binding) + b"\x09" * 32
    assert (key.binding.operator, key.binding.anchor) == (OPERATOR, 7)


def test_an_answer_is_the_models_and_signed_for_the_job(
    client: EnclaveClient, key: Attested
) -> None:
    terms = LISTED.terms([ITEM])
    found = client.answer(key.key, DOMAIN, terms, ITEM)
    assert found.output == expected()
    assert signer(terms, found) == key.key
    assert found.signature[2] < 2**255  # low s, far from the half order


def test_a_batch_is_answered_item_by_item(client: EnclaveClient, key: Attested) -> None:
    items = [raw for _, raw, _ in LISTED.model.samples[:3]]
    terms = LISTED.terms(items)
    found = client.answer(key.key, DOMAIN, terms, b"".join(items))
    assert len(found.output) == 3 * LISTED.model.card.item_bytes_out
    assert found.output.startswith(expected())


def test_a_private_input_is_opened_inside_and_its_answer_sealed(
    client: EnclaveClient, key: Attested
) -> None:
    reply = SealingKey.generate()
    payload = Payload.of(ITEM, LISTED.model_id, reply.public)
    terms = LISTED.terms([ITEM], payload.commitment)
    box = sealed(payload, key.binding.sealing_key)
    client.check(key.key, DOMAIN, terms, box)
    found = client.answer(key.key, DOMAIN, terms, box)
    assert expected() not in found.output
    assert reply.open(found.output, output_info(terms.job_id(DOMAIN))) == expected()


def test_a_private_input_without_a_reply_key_is_answered_in_the_clear(
    client: EnclaveClient, key: Attested
) -> None:
    payload = Payload.of(ITEM, LISTED.model_id)
    terms = LISTED.terms([ITEM], payload.commitment)
    assert (
        client.answer(key.key, DOMAIN, terms, sealed(payload, key.binding.sealing_key)).output
        == expected()
    )


def test_the_same_job_gets_the_same_answer_though_sealing_is_random(
    client: EnclaveClient, key: Attested
) -> None:
    reply = SealingKey.generate().public
    payload = Payload.of(ITEM, LISTED.model_id, reply)
    terms = LISTED.terms([ITEM], payload.commitment)
    box = sealed(payload, key.binding.sealing_key)
    first = client.answer(key.key, DOMAIN, terms, box)
    assert client.answer(key.key, DOMAIN, terms, box) == first
    assert client.answer(key.key, DOMAIN, other(terms), box).output != first.output


def _another_model(payload: Payload) -> Payload:
    return replace(payload, model_id=bytes(32))


def _another_item(payload: Payload) -> Payload:
    return replace(payload, item=payload.item[:-1] + b"\x01")


@pytest.mark.parametrize("change", [_another_model, _another_item])
def test_what_was_sealed_for_another_model_or_as_another_input_is_refused(
    client: EnclaveClient, key: Attested, change: object
) -> None:
    """A model of the operator's own could print its input."""
    assert callable(change)
    payload = Payload.of(ITEM, LISTED.model_id)
    changed = change(payload)
    terms = LISTED.terms([ITEM], payload.commitment)
    info = input_info(CHAIN, DOMAIN.market, REQUESTER, payload.commitment)
    box = seal(key.binding.sealing_key, changed.encode(), info)
    with pytest.raises(EnclaveRefusedError, match="MN-TEE-085"):
        client.answer(key.key, DOMAIN, terms, box)


def test_a_box_copied_into_another_requesters_job_does_not_open(
    client: EnclaveClient, key: Attested
) -> None:
    payload = Payload.of(ITEM, LISTED.model_id)
    box = sealed(payload, key.binding.sealing_key)
    theirs = replace(LISTED.terms([ITEM], payload.commitment), requester=OPERATOR)
    with pytest.raises(EnclaveRefusedError, match="MN-KEY-013"):
        client.check(key.key, DOMAIN, theirs, box)


def test_a_box_for_another_key_does_not_open(client: EnclaveClient, key: Attested) -> None:
    payload = Payload.of(ITEM, LISTED.model_id)
    terms = LISTED.terms([ITEM], payload.commitment)
    box = sealed(payload, SealingKey.generate().public)
    with pytest.raises(EnclaveRefusedError, match="MN-KEY-013"):
        client.answer(key.key, DOMAIN, terms, box)


def test_another_input_than_committed_to_is_refused(client: EnclaveClient, key: Attested) -> None:
    with pytest.raises(EnclaveRefusedError, match="MN-KEY-013"):
        client.answer(key.key, DOMAIN, LISTED.terms([ITEM]), bytes(len(ITEM)))


def test_files_that_are_not_the_models_are_refused(client: EnclaveClient) -> None:
    wrong = Listed(replace(LISTED.model, onnx_bytes=LISTED.model.onnx_bytes + b"\0"))
    card = LISTED.model.card.canonical()
    from tests.teeml.enclaves import PUBLISHER, REGISTRY

    with pytest.raises(EnclaveRefusedError, match="MN-TEE-084"):
        client.load(
            LISTED.model_id, CHAIN, REGISTRY, PUBLISHER, LISTED.record, card,
            wrong.model.onnx_bytes,
        )  # fmt: skip


def test_a_key_signs_for_its_own_policy_only(client: EnclaveClient) -> None:
    foreign = attested(client, bytes(32))
    with pytest.raises(EnclaveRefusedError, match="MN-TEE-083"):
        client.answer(foreign.key, DOMAIN, LISTED.terms([ITEM]), ITEM)


def test_a_killed_enclave_has_other_keys_when_it_is_back() -> None:
    process = EnclaveProcess(SIMULATED)
    try:
        client = EnclaveClient(process.ensure())
        lost = attested(client)
        process.kill()
        with pytest.raises(EnclaveGoneError):
            client.hello()
        again = EnclaveClient(process.ensure())
        assert lost.key not in again.hello()["keys"]
        LISTED.load(again)
        with pytest.raises(EnclaveRefusedError, match="MN-TEE-083"):
            again.answer(lost.key, DOMAIN, LISTED.terms([ITEM]), ITEM)
    finally:
        process.stop()


def test_simulated_hardware_is_refused_off_development_chains() -> None:
    process = EnclaveProcess(("--provider", "simulated", "--chain", "1"))
    with pytest.raises(EnclaveGoneError, match="MN-TEE-072"):
        process.ensure()
    process.stop()


def test_a_box_for_an_earlier_key_of_the_same_purpose_opens(
    client: EnclaveClient, key: Attested
) -> None:
    """A renewed or replaced key leaves promised jobs behind."""
    newer = attested(client)
    payload = Payload.of(ITEM, LISTED.model_id)
    terms = LISTED.terms([ITEM], payload.commitment)
    found = client.answer(newer.key, DOMAIN, terms, sealed(payload, key.binding.sealing_key))
    assert signer(terms, found) == newer.key


def test_an_unregistered_key_is_quoted_again_at_a_later_block(
    client: EnclaveClient, key: Attested
) -> None:
    purpose = Purpose(DOMAIN_OF_RESULTS, POLICY, OPERATOR)
    later = client.attest(purpose, bytes(32), Anchor(8, b"\x0a" * 32), key.key)
    assert later.binding == replace(key.binding, anchor=8)
    report = Quote.parse(later.quote).report
    assert (
        report.report_data == DOMAIN_OF_RESULTS.binding_hash(POLICY, later.binding) + b"\x0a" * 32
    )
    for other_purpose in (replace(purpose, policy=bytes(32)), replace(purpose, operator=VERIFIER)):
        with pytest.raises(EnclaveRefusedError, match="MN-TEE-083"):
            client.attest(other_purpose, bytes(32), Anchor(8, b"\x0a" * 32), key.key)


def test_an_answer_is_quoted_for_its_job_and_operator(client: EnclaveClient, key: Attested) -> None:
    """No key has a part in it; signed or quoted, a job has one answer."""
    terms, purpose = LISTED.terms([ITEM]), Purpose(DOMAIN_OF_RESULTS, POLICY, OPERATOR)
    output, vouched = client.quoted(purpose, DOMAIN, terms, ITEM)
    assert output == expected() == client.answer(key.key, DOMAIN, terms, ITEM).output
    given = (terms.model_id, terms.input_commitment, keccak(output), OPERATOR)
    result = Result(terms.job_id(DOMAIN), *given, terms.deliver_by)
    bound = DOMAIN_OF_RESULTS.quoted_hash(POLICY, vouched.gpu_claims, result)
    assert Quote.parse(vouched.quote).report.report_data == bound + bytes(32)


def test_nothing_sealed_is_quoted(client: EnclaveClient, key: Attested) -> None:
    payload = Payload.of(ITEM, LISTED.model_id)
    terms = LISTED.terms([ITEM], payload.commitment)
    purpose = Purpose(DOMAIN_OF_RESULTS, POLICY, OPERATOR)
    with pytest.raises(EnclaveRefusedError, match="MN-TEE-085"):
        client.quoted(purpose, DOMAIN, terms, sealed(payload, key.binding.sealing_key))


def test_a_probe_is_a_quote_of_nothing(client: EnclaveClient) -> None:
    assert Quote.parse(client.probe().quote).report.report_data == bytes(64)


def test_keys_of_one_policy_never_push_out_another_policys() -> None:
    """A guardian who closes one policy must not cost what is promised under the others."""
    ring = Keyring(Witness(SimulatedProvider(Platform(label="platform"), CHAIN)))
    anchor = Anchor(7, b"\x09" * 32)

    def made(policy: bytes) -> str:
        purpose = Purpose(DOMAIN_OF_RESULTS, policy, OPERATOR)
        return ring.attest(purpose, bytes(32), anchor)[0].address

    kept, others = made(POLICY), [made(bytes(32)) for _ in range(70)]
    assert ring.addresses() == [kept, *others[-64:]]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_crash_leaves_no_dump_of_what_was_opened(process: EnclaveProcess) -> None:
    process.ensure()
    assert process._process is not None
    limits = Path(f"/proc/{process._process.pid}/limits").read_text()
    [line] = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert line.split()[4:6] == ["0", "0"]


def test_what_goes_wrong_is_told_without_the_words_that_met_the_input() -> None:
    service = Service(SimulatedProvider(Platform(label="platform"), CHAIN), EmbeddedEngine("cpu"))
    answer = service.handle(Message({"ask": "open", "key": "private words"}))
    assert "private words" not in str(answer.head)
    assert answer.head["error"]["code"] == EnclaveProtocolError.CODE
