# SPDX-License-Identifier: Apache-2.0
"""Whose word counts that a model's files are its program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account.signers.local import LocalAccount

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts.opml import OPML
from offchain_workers.chain.contracts.zkml import ZKML
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.chain.wallet import Wallet
from offchain_workers.devnet import start_devnet
from offchain_workers.models.catalog import PublishedModel, published_models
from offchain_workers.models.vouching import CHECKED, OWN, Vouching, note_checked, note_made
from tests.operator.world import Market, build

STRANGER = "0x" + "77" * 20


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    with start_devnet("embedded") as chain:
        yield build(chain, tmp_path_factory.mktemp("vouching"))


@pytest.fixture
def market(built: Market, tmp_path: Path) -> Iterator[Market]:
    snapshot = built.chain.rpc("evm_snapshot")
    yield replace(built, folder=tmp_path)
    assert built.chain.rpc("evm_revert", snapshot)


@pytest.fixture
def model(market: Market) -> PublishedModel:
    [found] = published_models(RpcPool([market.chain.url]), market.network)
    return found


def vouching(market: Market, account: str = STRANGER, *attesters: str) -> Vouching:
    return Vouching(market.network, market.folder, account, attesters)


def send(market: Market, account: LocalAccount, call: Call) -> None:
    Wallet(market.w3, account).send(call)


def test_nobody_vouches_for_what_was_only_published(market: Market, model: PublishedModel) -> None:
    asked = vouching(market)
    assert asked.voucher(model) is None
    assert not asked.admits(model)
    assert replace(asked, required=False).admits(model)


def test_an_attestation_counts_until_it_is_taken_back(
    market: Market, model: PublishedModel
) -> None:
    attester, models = market.operators[0], market.network.models
    send(market, attester, models.attest(model.model_id))
    assert vouching(market).voucher(model) == attester.address
    send(market, attester, models.retract(model.model_id))
    assert vouching(market).voucher(model) is None


def test_an_attester_that_took_its_stake_out_counts_no_more(
    market: Market, model: PublishedModel
) -> None:
    attester, models = market.chain.accounts[9], market.network.models
    subnets = market.network.subnets
    send(market, attester, subnets.register(bytes(32), "http://127.0.0.1:1", models.attest_stake))
    send(market, attester, models.attest(model.model_id))
    assert vouching(market).voucher(model) == attester.address
    send(market, attester, subnets.unbond(1))
    assert vouching(market).voucher(model) is None


def test_a_publisher_does_not_vouch_for_itself(market: Market, model: PublishedModel) -> None:
    publisher, subnets = market.publisher, market.network.subnets
    send(market, publisher, subnets.register(bytes(32), "http://127.0.0.1:1", 10**18))
    send(market, publisher, market.network.models.attest(model.model_id))
    assert vouching(market).voucher(model) is None
    assert vouching(market, publisher.address).voucher(model) == OWN
    assert vouching(market, STRANGER, publisher.address).voucher(model) == publisher.address


def test_where_attesters_are_named_others_do_not_count(
    market: Market, model: PublishedModel
) -> None:
    first, second = (account.address for account in market.operators)
    send(market, market.operators[0], market.network.models.attest(model.model_id))
    assert vouching(market, STRANGER, second).voucher(model) is None
    assert vouching(market, STRANGER, second, first).voucher(model) == first


def test_what_was_checked_here_needs_nobody(market: Market, model: PublishedModel) -> None:
    note_checked(market.folder, bytes(32))
    assert vouching(market).voucher(model) is None
    note_checked(market.folder, model.model_id)
    assert vouching(market).voucher(model) == CHECKED


def forged(market: Market, model: PublishedModel, artifact: bytes) -> PublishedModel:
    """Published by somebody else: an honest model's files, and what decides is another's."""
    forger, models = market.operators[1], market.network.models
    record = replace(model.record, artifacts={ZKML: artifact})
    send(market, forger, models.publish(record, ""))
    found = published_models(RpcPool([market.chain.url]), market.network)
    return next(one for one in found if one.model_id == models.model_id(forger.address, record))


def test_a_check_says_nothing_of_a_model_with_the_same_files_and_another_artifact(
    market: Market, model: PublishedModel
) -> None:
    forgery = forged(market, model, b"\1" * 32)
    assert (forgery.onnx_cid, forgery.card_cid) == (model.onnx_cid, model.card_cid)
    note_checked(market.folder, model.model_id)
    note_made(market.folder, model.onnx_cid, model.card_cid, model.artifacts)
    assert vouching(market).voucher(forgery) is None
    assert not vouching(market).admits(forgery)


def test_files_that_were_made_here_are_believed_with_all_their_artifacts_and_no_other(
    market: Market, model: PublishedModel
) -> None:
    artifact = b"\1" * 32
    published = forged(market, model, artifact)
    files = market.folder, model.onnx_cid, model.card_cid
    for others in ({}, {ZKML: b"\2" * 32}, {OPML: artifact}, {ZKML: artifact, OPML: artifact}):
        note_made(*files, others)
    note_made(market.folder, model.card_cid, model.onnx_cid, {ZKML: artifact})
    assert vouching(market).voucher(published) is None
    note_made(*files, {ZKML: artifact})
    assert vouching(market).voucher(published) == CHECKED
