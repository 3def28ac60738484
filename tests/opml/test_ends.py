# SPDX-License-Identifier: Apache-2.0
"""The end of a claim waits a while for the next claim, and the two share a transaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from offchain_workers.chain.contracts import JobTerms
from offchain_workers.chain.contracts.deployment import deploy_consumer
from offchain_workers.chain.tables import OutboxRow
from offchain_workers.chain.transactions import State
from offchain_workers.devnet import start_devnet
from tests.operator.world import ETHER, Running, build, inline, until
from tests.opml.compiled import GIVEN, digits_bundle
from tests.opml.onchain import PARAMS, OpmlMarket, listed
from tests.opml.served import pass_window, send_raw, sent, stake
from verifiers.opml.method import patience

# Of every claim, in seconds; the patience of its end is far more than a test takes.
WINDOW = 3_600


@pytest.fixture(scope="module")
def lasting_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpmlMarket]:
    """The compiled digits under `opml`, with long windows."""
    bundle = digits_bundle()
    params = replace(PARAMS, windows=(WINDOW, WINDOW))
    with start_devnet("embedded") as chain:
        base = build(chain, tmp_path_factory.mktemp("lasting"))
        with listed(base, bundle.header, *bundle.hashes, params) as opml:
            files = (*base.files, *bundle.blobs.values())
            yield replace(opml, market=replace(opml.market, files=files))


@pytest.fixture
def lasting(lasting_chain: OpmlMarket, tmp_path: Path) -> Iterator[OpmlMarket]:
    chain = lasting_chain.market.chain
    snapshot = chain.rpc("evm_snapshot")
    yield replace(lasting_chain, market=replace(lasting_chain.market, folder=tmp_path))
    assert chain.rpc("evm_revert", snapshot)


def asked(opml: OpmlMarket, running: Running, bond: int = 0) -> JobTerms:
    """A job that the worker owes."""
    terms = opml.terms(GIVEN, turn_length=400, bond=bond)
    opml.market.post(terms, inline(GIVEN), running.promise(terms, inline(GIVEN)))
    return terms


def claimed(opml: OpmlMarket, running: Running, bond: int = 0) -> JobTerms:
    """A job whose window is over."""
    terms = asked(opml, running, bond)
    until(lambda: opml.board.look(opml.market.job_id(terms)))
    pass_window(opml, terms, patience=0)
    return terms


def waiting(opml: OpmlMarket, running: Running) -> JobTerms:
    """A job whose end waits for company."""
    terms = claimed(opml, running)
    until(lambda: sent(opml, opml.market.operators[0], "finalise_due"))
    opml.market.chain.mine(2)
    caught_up(opml, running)
    assert row(opml, "finalise_due").state == State.QUEUED
    return terms


def caught_up(opml: OpmlMarket, running: Running) -> None:
    """The worker saw the last block, and sent what it wants to."""
    head = f"chain_block {opml.market.w3.eth.block_number}.0"
    until(lambda: head in running.get("/metrics").text)


def row(opml: OpmlMarket, function: str) -> OutboxRow:
    """The newest wish for it."""
    return sent(opml, opml.market.operators[0], function)[-1]


def mined(opml: OpmlMarket, function: str) -> OutboxRow:
    until(lambda: row(opml, function).state == State.MINED_OK)
    return row(opml, function)


def paid(opml: OpmlMarket, terms: JobTerms) -> bool:
    return opml.market.paid(opml.market.job_id(terms))


def test_an_end_travels_with_the_next_claim(lasting: OpmlMarket) -> None:
    primary = lasting.market.operators[0]
    with lasting.market.worker(primary) as running:
        first = waiting(lasting, running)
        second = asked(lasting, running)
        until(lambda: paid(lasting, first))
        ended, made = mined(lasting, "finalise_due"), mined(lasting, "claim")
    assert (ended.tx_hash, ended.nonce, made.nonce) == (made.tx_hash, None, None)
    look = lasting.board.look(lasting.market.job_id(second))
    assert look is not None
    assert patience(lasting.board, look) == look.claim.final_at + 1 + WINDOW // 10
    longer = replace(look, claim=look.claim._replace(final_at=look.claim.final_at + 10**5))
    assert patience(lasting.board, longer) == longer.claim.final_at + 1 + 600


def test_an_end_goes_alone_when_no_claim_came(lasting: OpmlMarket) -> None:
    primary = lasting.market.operators[0]
    with lasting.market.worker(primary) as running:
        terms = waiting(lasting, running)
        pass_window(lasting, terms, patience=WINDOW // 10)
        until(lambda: paid(lasting, terms))
        assert mined(lasting, "finalise_due").nonce is not None
    assert stake(lasting, primary) == (ETHER, ETHER)


def test_an_end_waits_on_after_a_restart(lasting: OpmlMarket) -> None:
    primary = lasting.market.operators[0]
    with lasting.market.worker(primary) as running:
        first = waiting(lasting, running)
    with lasting.market.worker(primary) as running:
        lasting.market.chain.mine()
        caught_up(lasting, running)
        assert row(lasting, "finalise_due").state == State.QUEUED
        asked(lasting, running)
        until(lambda: paid(lasting, first))
        assert mined(lasting, "finalise_due").tx_hash == mined(lasting, "claim").tx_hash


def test_a_front_run_end_does_not_keep_a_claim_from_being_made(lasting: OpmlMarket) -> None:
    """Somebody else ends the earlier claim in the block and before the two."""
    market = lasting.market
    chain, primary = market.chain, market.operators[0]
    with market.worker(primary) as running:
        first = waiting(lasting, running)
        chain.rpc("anvil_setBalance", primary.address, "0x0")
        second = asked(lasting, running)
        until(lambda: len(sent(lasting, primary, "claim")) == 2)
        with market.without_mining():
            send_raw(lasting, lasting.verifier.finalise(first))
            chain.rpc("anvil_setBalance", primary.address, hex(10 * ETHER))
            until(lambda: row(lasting, "finalise_due").state == State.PENDING)
            chain.mine()
        assert paid(lasting, first)
        assert lasting.board.look(market.job_id(second))
        ended, made = mined(lasting, "finalise_due"), mined(lasting, "claim")
        running.stop()
    assert (ended.tx_hash, ended.nonce, made.nonce) == (made.tx_hash, None, None)


def test_an_end_that_somebody_else_pays_for_meanwhile_is_not_sent(lasting: OpmlMarket) -> None:
    primary = lasting.market.operators[0]
    with lasting.market.worker(primary) as running:
        terms = waiting(lasting, running)
        lasting.send(lasting.market.requester, lasting.verifier.finalise(terms))
        until(lambda: row(lasting, "finalise_due").state == State.CANCELLED)
        assert str(row(lasting, "finalise_due").reason).startswith("MN-TX-012")
        running.stop()
    assert [one.nonce for one in sent(lasting, primary, "finalise_due")] == [None]


def test_an_end_waits_for_nobody_when_the_worker_stops(lasting: OpmlMarket) -> None:
    with lasting.market.worker(lasting.market.operators[0]) as running:
        terms = waiting(lasting, running)
        running.stop()
    assert paid(lasting, terms)


def test_an_end_waits_for_nobody_when_its_bond_is_missing(lasting: OpmlMarket) -> None:
    """More than half of the stake is in it: there could be no next claim."""
    with lasting.market.worker(lasting.market.operators[0]) as running:
        terms = claimed(lasting, running, bond=600_000)
        until(lambda: paid(lasting, terms))
        assert mined(lasting, "finalise_due").nonce is not None


def test_an_end_that_carries_the_output_to_a_consumer_does_not_wait(lasting: OpmlMarket) -> None:
    market, requester = lasting.market, lasting.market.requester
    consumer = deploy_consumer(market.w3, requester, market.network.marketplace.address)
    wish = {"callback_target": consumer.address, "callback_gas": 150_000}
    terms = lasting.terms(GIVEN, requester=consumer.address, **wish)
    with market.worker(market.operators[0]) as running:
        promise = running.promise(terms, inline(GIVEN))
        value = market.network.marketplace.value_due(terms)
        lasting.send(requester, consumer.ask(terms, inline(GIVEN), promise, value))
        until(lambda: lasting.board.look(market.job_id(terms)))
        pass_window(lasting, terms, patience=0)
        until(lambda: paid(lasting, terms))
        assert mined(lasting, "finalise").nonce is not None
    assert any(consumer.answer_hash(market.job_id(terms)))
