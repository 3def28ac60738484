# SPDX-License-Identifier: Apache-2.0
"""A game under a bond is played on, and counted once, whatever happens to the watcher meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from offchain_workers.chain.db import Database
from offchain_workers.chain.errors import DatabaseFullError
from offchain_workers.challenger.library import Watched, published
from offchain_workers.challenger.reasons import LeftError
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.models import ModelSpec
from offchain_workers.storage import content_id
from tests.challenger.test_models import retract
from tests.challenger.world import BUNDLE, RIGHT, challengers, claim, watching, wrong
from tests.operator.world import until
from tests.opml.compiled import GIVEN
from tests.opml.lies import trapdoor
from tests.opml.onchain import OpmlMarket
from verifiers.opml.trace import Tracer

OTHER = "model:0x" + "ab" * 32


@pytest.mark.parametrize("changes", [{"models": [OTHER]}, {"share": 0.0}])
def test_a_game_is_played_on_where_its_claim_would_no_longer_be_looked_at(
    opml: OpmlMarket, changes: dict[str, Any]
) -> None:
    me, liar = challengers(opml)[0], claim(opml, wrong())
    with watching(opml, me):
        until(liar.players)
    with watching(opml, me, **changes) as again:
        liar.play_on()
        until(lambda: again.heard("won"))


def test_a_game_is_played_on_when_nobody_vouches_for_the_model_any_more(opml: OpmlMarket) -> None:
    """By the reference, which needs nobody's word."""
    me, liar = challengers(opml)[0], claim(opml, wrong())
    with watching(opml, me):
        until(liar.players)
    retract(opml)
    with watching(opml, me) as again:
        liar.play_on()
        until(lambda: again.heard("won"))


def test_a_lowering_that_fails_does_not_cost_the_bond(opml: OpmlMarket) -> None:
    """As on a machine to which the watcher moved in the middle of a game."""
    files = dict(BUNDLE.files)
    trace = trapdoor(files["trace.onnx"], GIVEN)
    card, program = BUNDLE.card, BUNDLE.program
    engine = EmbeddedEngine("cpu")
    session = engine.load(ModelSpec(card, content_id(files["model.onnx"])), files["model.onnx"])
    record = published(opml.market.network, opml.market.model_id)
    model = Watched(record, card, Tracer(program, trace), session, None)
    with pytest.raises(LeftError, match="MN-OPML-100"):
        model.execution(GIVEN)
    assert model.played(GIVEN).trace.root == RIGHT.trace.root


@contextmanager
def full(db: Database) -> Iterator[None]:
    """As SQLite finds out, which writes at the commit."""

    def refuse(session: Session) -> None:
        if session.get_bind() is db.engine:
            raise DatabaseFullError("nothing was written: database or disk is full")

    event.listen(Session, "before_commit", refuse)
    try:
        yield
    finally:
        event.remove(Session, "before_commit", refuse)


def test_what_a_full_disk_did_not_take_counts_once(opml: OpmlMarket) -> None:
    me, liar = challengers(opml)[0], claim(opml, wrong())
    bond = opml.verifier.bond_to_open()
    with watching(opml, me, dry_run=True) as found:
        watcher = found.watcher
        with full(watcher._parts.db):
            opml.send(me, opml.verifier.open(liar.job_id, liar.word, bond))
            until(lambda: len(found.heard("playing")) > 1)
        until(lambda: watcher._parts.docket.games)
        until(lambda: watcher.health()["at_risk"] == str(bond))
