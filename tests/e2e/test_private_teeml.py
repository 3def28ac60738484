# SPDX-License-Identifier: Apache-2.0
"""Private jobs under `teeml`: nobody but the enclave learns the input, nobody but the requester the
answer; not the worker that carries both."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from offchain_workers.chain.contracts.teeml_verifier import TEEML
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.localnet import Localnet
from offchain_workers.localnet.attesting import attest
from offchain_workers.localnet.teeml import await_keys, make_policy, make_posting, published
from offchain_workers.models import ModelSpec
from offchain_workers.models.demo import digits_mlp
from offchain_workers.models.wire import pack_items, unpack_items
from offchain_workers.requester.errors import NobodyAcceptedError
from offchain_workers.requester.posting import Prepared, Wish
from offchain_workers.requester.replies import reply_key
from offchain_workers.requester.results import history
from offchain_workers.sealed_jobs import info_of
from offchain_workers.sealing import SealingKey, seal
from offchain_workers.storage import content_id
from offchain_workers.storage.reference import encode_inline, encode_sealed
from tests.e2e.private import (
    PATIENCE,
    PLANS,
    PrivateMarket,
    killed_in_the_end,
    loud,
)
from tests.e2e.test_zkml import fusion
from tests.e2e.traces import json_of, places, where
from verifiers.teeml.payload import Payload

MODEL = digits_mlp()


@dataclass
class Market(PrivateMarket):
    """A model under a policy, and two workers with enclaves. ``folders``: all that they write."""

    folders: list[Path]
    model_id: bytes

    def prepare(self, item: bytes, reply: bytes = bytes(32)) -> Prepared:
        return self.posting.prepare(self.requester, [item], Wish(private=True, reply=reply))

    def await_promises(self) -> None:
        """Until a worker has seen its own key on the chain; blocks come meanwhile."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.prepare(image(0))
                return
            except NobodyAcceptedError:
                assert time.monotonic() < deadline, "nobody promises"
                time.sleep(0.5)
                self.net.devnet.mine()

    def shows(self, item: bytes) -> list[str]:
        return places(item, self.net.pool.w3, self.folders, "u1")

    def shows_answer(self, item: bytes) -> list[str]:
        """Where the bytes of the answer are to be seen."""
        output = answer_to(item)
        return where([output, output.hex().encode()], self.net.pool.w3, self.folders)


def image(seed: int) -> bytes:
    """Pixels that look like no other bytes."""
    return np.random.default_rng(seed).integers(0, 17, 64).astype("u1").tobytes()


def answer_to(item: bytes) -> bytes:
    card, onnx = MODEL.card, MODEL.onnx_bytes
    session = EmbeddedEngine("cpu").load(ModelSpec(card, content_id(onnx)), onnx)
    return pack_items(card.outputs, session.run(unpack_items(card.inputs, item, 1)))


@pytest.fixture(scope="module", params=[pytest.param("anvil", marks=pytest.mark.anvil)])
def market(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Market]:
    folder, scratch = tmp_path_factory.mktemp("private"), tmp_path_factory.mktemp("scratch")
    with ExitStack() as stack:
        stack.enter_context(loud(scratch))
        net = Localnet(folder, kind=request.param, workers=(), models=lambda: (MODEL,))
        stack.enter_context(net)
        policy = make_policy(net.account("guardian").address)
        model_id = published(net, MODEL, policy)
        attest(net, model_id)
        for plan in PLANS:
            asked = {"teeml": {"provider": "simulated", "platform": plan.name}}
            net.onboard(plan, [model_id], TEEML, more=asked)
        net.await_workers()
        await_keys(net, policy, print)
        posting = make_posting(net, MODEL, model_id, policy, print, len(PLANS))
        stack.enter_context(killed_in_the_end(net))
        found = Market(net, posting, [folder, scratch], model_id)
        found.await_promises()
        yield found


def test_a_private_input_is_found_nowhere_but_a_public_one_is(
    market: Market, tmp_path: Path
) -> None:
    hidden, shown, half = image(1), image(2), image(3)
    flags = {hidden: ["--private"], shown: [], half: ["--private", "--open-answer"]}
    jobs = {}
    for number, (item, how) in enumerate(flags.items()):
        path = tmp_path / f"{number}.json"
        path.write_text(json_of(item, "u1"))
        jobs[item] = fusion(
            market.net, "post", "--model", "0x" + market.model_id.hex(), "--input", str(path),
            "--method", "teeml", "--members", "2", "--wait", *how,
        )  # fmt: skip
        assert (jobs[item]["status"], jobs[item]["accepted"]) == ("paid", True)
        assert jobs[item]["answers"][0]["label"] == str(int(np.argmax(np.frombuffer(
            answer_to(item), "<f4"
        ))))  # fmt: skip
    assert market.shows(hidden) == market.shows_answer(hidden) == []
    assert market.shows(half) == []
    assert {"calldata", "log"} <= set(market.shows_answer(half))
    for found in (market.shows(shown), market.shows_answer(shown)):
        assert {"calldata", "log"} <= set(found)
        assert any("worker.db" in name for name in found)
        assert any("blobs" in name for name in found)
    again = fusion(market.net, "job", "show", jobs[hidden]["id"])
    assert again["answers"] == jobs[hidden]["answers"]


def test_others_see_that_the_answer_is_sealed(market: Market) -> None:
    account = market.net.account("requester")
    prepared = market.prepare(image(4), reply_key(account).public)
    market.net.wallet("requester").send(prepared.call)
    market.await_paid(prepared)
    past = history(market.net.pool, market.net.network, prepared.job_id)
    assert past.has_sealed_answer(MODEL.card)
    assert past.read_by(reply_key(account)).answers(MODEL.card)
    theirs = reply_key(market.net.account("publisher"))
    with pytest.raises(Exception, match="MN-REQ-020"):
        past.read_by(theirs).answers(MODEL.card)


@pytest.mark.slow
def test_a_killed_worker_registers_a_new_key_and_a_box_for_the_old_one_is_lost(
    market: Market,
) -> None:
    """The enclave went with it: that is what private means."""
    prepared = market.prepare(image(5))
    market.primary(prepared).kill()
    market.primary(prepared).restart()
    deadline = time.monotonic() + PATIENCE
    terms = replace(prepared.terms, salt=os.urandom(32))
    while (code := market.ask(prepared, terms, prepared.data)) == "MN-WORKER-140":
        assert time.monotonic() < deadline, "it has no new key"
        time.sleep(0.5)
        market.net.devnet.mine()
    assert code == "MN-WORKER-133"
    assert market.prepare(image(6)).acceptance is not None


# --- attacks --------------------------------------------------------------------------------------


def test_a_box_is_refused_in_anybody_elses_job(market: Market) -> None:
    prepared = market.prepare(image(7))
    thief = market.net.account("thief").address
    theirs = replace(prepared.terms, requester=thief, salt=os.urandom(32))
    assert market.ask(prepared, theirs, prepared.data) == "MN-WORKER-133"


def test_a_box_is_refused_under_another_commitment(market: Market) -> None:
    prepared, other = market.prepare(image(7)), market.prepare(image(8))
    mixed = replace(prepared.terms, input_commitment=other.terms.input_commitment)
    assert market.ask(prepared, mixed, prepared.data) == "MN-WORKER-133"


def test_a_box_for_another_key_is_refused(market: Market) -> None:
    prepared = market.prepare(image(7))
    payload = Payload.of(image(7), market.model_id)
    terms = replace(prepared.terms, input_commitment=payload.commitment, salt=os.urandom(32))
    info = info_of(terms, market.net.network.marketplace.domain)
    box = seal(SealingKey.generate().public, payload.encode(), info)
    assert market.ask(prepared, terms, encode_sealed(encode_inline(box))) == "MN-WORKER-133"
