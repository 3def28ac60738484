# SPDX-License-Identifier: Apache-2.0
"""What a watcher judges by: files that belong together, and the input that the consumer saw."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from offchain_workers.devnet import start_devnet
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
