# SPDX-License-Identifier: Apache-2.0
"""What a watcher judges by: files that belong together, and the input that the consumer saw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from offchain_workers.challenger.library import Library
from offchain_workers.challenger.reasons import LeftError
from offchain_workers.devnet import start_devnet
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.models.vouching import Vouching
from offchain_workers.storage import LocalStore, content_id
from offchain_workers.storage.reference import encode_inline, encode_reference
from tests.challenger.world import (
    BUNDLE,
    LAST,
    RIGHT,
    Liar,
    challengers,
    claim,
    compiled_market,
    settings_of,
    watching,
    wrong,
)
from tests.operator.world import until
from tests.opml.compiled import GIVEN
from tests.opml.lies import tampered, trapdoor
from tests.opml.onchain import OpmlMarket
from verifiers.opml.merkle import Tensor
from verifiers.opml.openings import Execution


@pytest.fixture
def mixed_up(tmp_path: Path) -> Iterator[OpmlMarket]:
    """Its card lists the weights of another model."""
    other = BUNDLE.changed("weights.bin", bytes(16))
    with start_devnet("embedded") as chain, compiled_market(chain, tmp_path, other) as opml:
        yield opml


def test_a_model_whose_files_do_not_fit_is_reported_not_disputed(mixed_up: OpmlMarket) -> None:
    liar = claim(mixed_up, wrong())
    with watching(mixed_up, challengers(mixed_up)[0]) as watcher:
        until(lambda: "MN-OPML-083" in watcher.codes())
        assert "MN-OPML-053" in watcher.heard("left")[0]["reason"]
    assert liar.players() == []


@pytest.fixture(params=["model.onnx", "trace.onnx"])
def misfit(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpmlMarket]:
    """One lowering fails the self-test."""
    name = request.param
    other = BUNDLE.changed(name, tampered(BUNDLE.files[name]))
    with start_devnet("embedded") as chain, compiled_market(chain, tmp_path, other) as opml:
        yield opml


def test_where_the_self_test_fails_the_reference_judges(misfit: OpmlMarket) -> None:
    right, liar = claim(misfit), claim(misfit, wrong())
    with watching(misfit, challengers(misfit)[0]) as watcher:
        until(lambda: liar.players() and watcher.heard("right"))
        liar.play_on()
        until(lambda: watcher.heard("won"))
    with watching(misfit, challengers(misfit)[0]) as again:  # by the verdict that was kept
        until(lambda: again.heard("right"))
    assert right.players() == []


@pytest.fixture
def two_faced(tmp_path: Path) -> Iterator[OpmlMarket]:
    """The trace passes every test and differs on the one input that a job is about."""
    other = BUNDLE.changed("trace.onnx", trapdoor(BUNDLE.files["trace.onnx"], GIVEN))
    with start_devnet("embedded") as chain, compiled_market(chain, tmp_path, other) as opml:
        yield opml


def test_no_bond_on_a_trace_that_does_not_lead_to_the_answer(two_faced: OpmlMarket) -> None:
    liar = claim(two_faced, wrong())
    with watching(two_faced, challengers(two_faced)[0]) as watcher:
        until(lambda: "MN-OPML-100" in watcher.codes())
    assert liar.players() == []


def test_a_trace_is_computed_by_the_lowering(two_faced: OpmlMarket) -> None:
    """Not by the reference, which knows no trapdoor."""
    me, market = challengers(two_faced)[0], two_faced.market
    terms, store = two_faced.terms(GIVEN), settings_of(two_faced, me.address).storage
    local, engine = LocalStore(store.folder), EmbeddedEngine("cpu")
    folder = store.folder / "verdicts"
    vouching = Vouching(market.network, folder, me.address)
    library = Library(market.network, local, engine, folder, True, vouching)
    model = library.model(terms)
    with pytest.raises(LeftError, match="MN-OPML-100"):
        model.execution(GIVEN)
    other = bytes(len(GIVEN))
    found, expected = model.execution(other), BUNDLE.program.execution(other)
    assert found.trace.root == expected.trace.root


@pytest.fixture
def trapped(tmp_path: Path) -> Iterator[OpmlMarket]:
    """Files that pass every test and lie about one input; nobody vouches for them."""
    other = BUNDLE
    for name in ("model.onnx", "trace.onnx"):
        other = other.changed(name, trapdoor(BUNDLE.files[name], GIVEN))
    with start_devnet("embedded") as chain, compiled_market(chain, tmp_path, other) as opml:
        retract(opml)
        yield opml


def retract(opml: OpmlMarket) -> None:
    market = opml.market
    by = next(
        a for a in market.operators if market.network.models.attested_at(market.model_id, a.address)
    )
    opml.send(by, market.network.models.retract(market.model_id))


def test_what_nobody_vouches_for_is_left_until_somebody_does(opml: OpmlMarket) -> None:
    retract(opml)
    liar, market = claim(opml, wrong()), opml.market
    with watching(opml, challengers(opml)[0]) as watcher:
        until(lambda: "MN-OPML-101" in watcher.codes())
        assert liar.players() == []
        opml.send(market.operators[1], market.network.models.attest(market.model_id))
        until(liar.players)


def test_a_trapdoor_costs_no_bond(trapped: OpmlMarket) -> None:
    """By the publisher's files the right claim is wrong, and the wrong one right."""
    right, liar = claim(trapped), claim(trapped, off_by_one())
    with watching(trapped, challengers(trapped)[0]) as watcher:
        until(lambda: watcher.codes() == ["MN-OPML-101"] * 2)
    assert right.players() == liar.players() == []


@pytest.fixture
def falsely_vouched(tmp_path: Path) -> Iterator[OpmlMarket]:
    """The same, and an attester with stake that did not look, or lies."""
    other = BUNDLE
    for name in ("model.onnx", "trace.onnx"):
        other = other.changed(name, trapdoor(BUNDLE.files[name], GIVEN))
    with start_devnet("embedded") as chain, compiled_market(chain, tmp_path, other) as opml:
        yield opml


def test_a_false_attestation_costs_no_bond(falsely_vouched: OpmlMarket) -> None:
    """Here the right claim looks wrong, the whole trace long: the reference is asked before a
    bond."""
    right = claim(falsely_vouched)
    with watching(falsely_vouched, challengers(falsely_vouched)[0]) as watcher:
        until(lambda: watcher.codes() == ["MN-OPML-102"])
    assert right.players() == []


def test_a_retraction_is_noticed_while_the_watcher_runs(opml: OpmlMarket) -> None:
    claim(opml)
    with watching(opml, challengers(opml)[0]) as watcher:
        until(lambda: watcher.heard("right"))
        retract(opml)
        liar = claim(opml, wrong())
        until(lambda: "MN-OPML-101" in watcher.codes())
        assert liar.players() == []


@pytest.mark.parametrize("restarts", [False, True])
def test_a_game_goes_on_though_nobody_vouches_any_more(opml: OpmlMarket, restarts: bool) -> None:
    """Else an attester could make watchers lose their bonds."""
    liar, me = claim(opml, wrong()), challengers(opml)[0]
    with watching(opml, me) as watcher:
        until(liar.players)
        retract(opml)
        if not restarts:
            liar.play_on()
            until(lambda: watcher.heard("won"))
    if restarts:
        with watching(opml, me) as again:
            liar.play_on()
            until(lambda: again.heard("won"))


def test_files_that_nobody_vouches_for_are_not_run_where_vouching_is_off(
    trapped: OpmlMarket,
) -> None:
    right, liar = claim(trapped), claim(trapped, off_by_one())
    with watching(trapped, challengers(trapped)[0], vouching_required=False) as watcher:
        until(lambda: liar.players() and watcher.heard("right"))
    assert right.players() == []


def off_by_one() -> Execution:
    """What the trapdoor answers."""
    last = RIGHT.outputs[LAST].data
    more = (np.frombuffer(last, "<u2") + 1).astype("<u2").tobytes()
    return replace(RIGHT, outputs=[*RIGHT.outputs[:LAST], Tensor(more)])


def test_a_model_is_waited_for(opml: OpmlMarket) -> None:
    me, liar = challengers(opml)[0], claim(opml, wrong())
    with watching(opml, me, stocked=False) as watcher:
        until(lambda: "MN-OPML-082" in watcher.codes())
        opml.market.stock(me.address)
        until(liar.players)


def test_an_input_is_waited_for(opml: OpmlMarket) -> None:
    me = challengers(opml)[0]
    terms = opml.terms(GIVEN)
    opml.market.post(terms, encode_reference(content_id(GIVEN)))
    word = opml.claim(terms, wrong().outputs[LAST].data)
    liar = Liar(opml, terms, word, wrong())
    with watching(opml, me) as watcher:
        until(lambda: "MN-OPML-084" in watcher.codes())
        LocalStore(settings_of(opml, me.address).storage.folder).put(GIVEN)
        until(liar.players)


def test_with_a_callback_the_input_is_that_of_the_claim(opml: OpmlMarket) -> None:
    """What was posted may name something that nobody can fetch."""
    target = opml.market.publisher.address
    terms = opml.terms(GIVEN, callback_target=target, callback_gas=50_000)
    opml.market.post(terms, encode_inline(bytes(len(GIVEN))))
    output, account = wrong().outputs[LAST].data, opml.market.operators[0]
    opml.send(account, opml.verifier.claim(terms, opml.header.abi(), output, GIVEN))
    found = opml.verifier.claim_of(opml.market.job_id(terms))
    assert found is not None
    liar = Liar(opml, terms, found.word, wrong())
    with watching(opml, challengers(opml)[0]):
        until(liar.players)
        liar.play_on()
