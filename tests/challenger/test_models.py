# SPDX-License-Identifier: Apache-2.0
"""What a watcher judges by: files that belong together, and the input that the consumer saw."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from offchain_workers.challenger.library import Library
from offchain_workers.challenger.reasons import LeftError
from offchain_workers.devnet import start_devnet
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.storage import LocalStore, content_id
from offchain_workers.storage.reference import encode_inline, encode_reference
from tests.challenger.world import (
    BUNDLE,
    LAST,
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
    library = Library(market.network, local, engine, store.folder / "verdicts", True)
    model = library.model(terms)
    with pytest.raises(LeftError, match="MN-OPML-100"):
        model.execution(GIVEN)
    other = bytes(len(GIVEN))
    found, expected = model.execution(other), BUNDLE.program.execution(other)
    assert found.trace.root == expected.trace.root


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
