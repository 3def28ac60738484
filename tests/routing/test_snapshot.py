# SPDX-License-Identifier: Apache-2.0
"""The market of a block, read from a real chain: who vouches, who offers, what is live, then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from offchain_workers.chain.contracts import ChainParams, ModelRecord, Network, Spec, Tier, deploy
from offchain_workers.chain.contracts.enclaves import Policy
from offchain_workers.chain.contracts.subnets import book_id
from offchain_workers.chain.contracts.teeml_verifier import TEEML, TeemlParams, deploy_teeml
from offchain_workers.chain.contracts.terms import selector_of
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.chain.wallet import Wallet
from offchain_workers.devnet import Devnet, start_devnet
from offchain_workers.localnet.teeml import make_policy
from offchain_workers.models.demo import digits
from offchain_workers.requester.formation import Formation
from offchain_workers.routing.audit import mismatches
from offchain_workers.routing.carrying import table
from offchain_workers.routing.market import Market
from offchain_workers.routing.planning import plan
from offchain_workers.routing.record import Reason
from offchain_workers.routing.request import RouteRequest
from offchain_workers.routing.snapshot import MarketReader
from offchain_workers.storage import LocalStore
from verifiers.teeml.onchain import root_words
from verifiers.teeml.simulated import Authority

NONE = selector_of("none")
ETHER = 10**18
WISH = RouteRequest(task="digits", members=2, attestations=1)


@dataclass
class World:
    """A chain with contracts; accounts by role in the order of the development chain's."""

    chain: Devnet
    network: Network
    store: LocalStore

    @classmethod
    def create(cls, chain: Devnet, folder: Path) -> World:
        pool = RpcPool([chain.url], chain.chain_id)
        network = deploy(pool.w3, chain.accounts[0], ChainParams.development())
        return cls(chain, network, LocalStore(folder))

    def wallet(self, number: int) -> Wallet:
        return Wallet(self.network.subnets.w3, self.chain.accounts[number])

    def publish(self) -> bytes:
        """The digits model, by account 1; its files are in the store."""
        model, models = digits(), self.network.models
        onnx, card = self.store.put(model.onnx_bytes), self.store.put(model.card.canonical())
        record = ModelRecord(bytes.fromhex(onnx[2:]), bytes.fromhex(card[2:]))
        self.wallet(1).send(models.publish(record, ""))
        return models.model_id(self.chain.accounts[1].address, record)

    def publish_under(self, policy: Policy) -> bytes:
        """The digits model under a policy of teeml, which need not be there."""
        model, models = digits(), self.network.models
        onnx, card = self.store.put(model.onnx_bytes), self.store.put(model.card.canonical())
        hashes = bytes.fromhex(onnx[2:]), bytes.fromhex(card[2:])
        record = ModelRecord(*hashes, artifacts={TEEML: policy.policy_id})
        self.wallet(1).send(models.publish(record, ""))
        return models.model_id(self.chain.accounts[1].address, record)

    def register(self, number: int) -> str:
        wallet, subnets = self.wallet(number), self.network.subnets
        wallet.send(subnets.register(bytes(32), "http://127.0.0.1:9", 2 * ETHER))
        return wallet.address

    def offer(self, number: int, model: bytes, price: int) -> None:
        wallet, subnets = self.wallet(number), self.network.subnets
        listed = self.network.marketplace.method(NONE)
        assert listed is not None
        if not subnets.opted_in(wallet.address, listed.plugin):
            wallet.send(subnets.opt_in(NONE))
        wallet.send(subnets.offer(model, NONE, Tier.WEB2_CLOUD, price))

    def next_epoch(self) -> None:
        self.chain.mine(self.network.subnets.epoch_blocks)

    @property
    def block(self) -> int:
        return int(self.network.subnets.w3.eth.block_number)

    def reader(self) -> MarketReader:
        pool = RpcPool([self.chain.url], self.chain.chain_id)
        return MarketReader(pool, self.network, self.store)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with start_devnet("embedded") as chain:
        yield World.create(chain, tmp_path_factory.mktemp("store"))


@pytest.fixture
def world(deployed: World) -> Iterator[World]:
    snapshot = deployed.chain.rpc("evm_snapshot")
    yield deployed
    assert deployed.chain.rpc("evm_revert", snapshot)


def vouchers(market: Market) -> set[str]:
    [model] = market.models
    return set(model.attesters)


def test_a_block_has_one_market_whenever_and_however_it_is_read(world: World) -> None:
    model = world.publish()
    operators = [world.register(2), world.register(3)]
    for number, price in ((2, 1_000), (3, 2_000)):
        world.offer(number, model, price)
    reader = world.reader()
    early = reader.at()
    assert early.place.development
    assert [method.name for method in early.methods] == ["none"]
    [found] = early.models
    assert (found.name, found.task, found.quality_bp) == ("digits", "digits", 9_777)
    world.next_epoch()
    offered, at_offers = reader.at(), world.block
    assert {(o.operator, o.price) for o in offered.offers} == set(
        zip(operators, (1_000, 2_000), strict=True)
    )

    spec = Spec(model, NONE, band=20, k=2)
    Formation(world.network, world.wallet(4), world.chain.mine).ensure(spec)
    formed, at_formed = reader.at(), world.block
    assert list(formed.subnets) == [spec.spec_id]

    world.wallet(3).send(world.network.subnets.end_offer(book_id(model, NONE)))
    world.next_epoch()
    world.chain.increase_time(2 * 86_400)
    late = reader.at()
    assert [o.operator for o in late.offers] == operators[:1]
    assert late.subnets == {}

    # An old block again: by the reader that went on, and by one that begins now.
    for block, then in ((at_offers, offered), (at_formed, formed)):
        assert reader.at(block) == world.reader().at(block) == then
    request = WISH.model_copy(update={"attestations": 0})
    record = plan(request, formed)
    assert record.subnet_id is None  # of a narrower spec than the formed one
    assert mismatches(record, world.reader().at(at_formed), request) == []
    assert plan(request, late).choice is None


def test_who_vouches_needs_stake_and_must_not_be_the_publisher(world: World) -> None:
    model = world.publish()
    publisher, attester = world.register(1), world.register(2)
    models, subnets = world.network.models, world.network.subnets
    reader = world.reader()
    assert vouchers(reader.at()) == set()
    for number in (1, 2):
        world.wallet(number).send(models.attest(model))
    both = reader.at()
    assert vouchers(both) == {publisher, attester}
    needs_two = WISH.model_copy(update={"attestations": 2})
    by_method = {row.method: row for row in plan(needs_two, both).classes}
    assert Reason.ATTESTATION in by_method["none"].reasons
    by_method = {row.method: row for row in plan(WISH, both).classes}
    assert by_method["none"].reasons == (Reason.MEMBERS,)

    stake = subnets.operator(attester)
    assert stake is not None
    world.wallet(2).send(subnets.unbond(stake.free))
    assert vouchers(reader.at()) == {publisher}  # a word without stake behind it
    world.wallet(2).send(subnets.add_stake(attester, models.attest_stake))
    assert vouchers(reader.at()) == {publisher, attester}
    world.wallet(2).send(models.retract(model))
    assert vouchers(reader.at()) == {publisher}


def test_a_model_whose_card_nobody_serves_is_left_out_with_its_reason(world: World) -> None:
    record = ModelRecord(b"\x01" * 32, b"\x02" * 32)
    world.wallet(1).send(world.network.models.publish(record, "http://127.0.0.1:9"))
    market = world.reader().at()
    [model] = market.models
    assert model.problem is not None
    [row] = plan(WISH, market).classes
    assert row.reasons == (Reason.CARD,)


STRANGE_URIS = (
    b"\xff\xfe\x00\xc0",
    b"http://xn--a",
    b"http://a..b",
    b"http://b/%00",
    b"file:///etc",
)


def test_uris_that_lead_nowhere_leave_the_market_readable(world: World) -> None:
    """A contract takes any bytes for a string: whoever published some must not stop the rest."""
    honest = world.publish()
    publisher, models = world.wallet(1), world.network.models
    for number, uri in enumerate(STRANGE_URIS, 1):
        call = models.publish(ModelRecord(bytes([number]) * 32, b"\x02" * 32), "u" * len(uri))
        data = call.data.replace(b"u" * len(uri), uri)
        publisher.send(replace(call, data=data))
    market = world.reader().at()
    assert len(market.models) == 1 + len(STRANGE_URIS)
    readable = [model.model_id for model in market.models if model.problem is None]
    assert readable == [honest]


def test_a_policys_hold_counts_until_the_answer_is_verified(world: World) -> None:
    trust = Authority().trust
    root, account = root_words(trust, trust.until), world.chain.accounts[0]
    w3 = world.network.subnets.w3
    verifier = deploy_teeml(w3, account, world.network, root, TeemlParams.development())
    strict = make_policy(account.address)
    held, later = replace(strict, hold=20), replace(strict, hold=90)
    prompt, slow, early = (world.publish_under(each) for each in (strict, held, later))
    for policy in (strict, held):
        world.wallet(0).send(verifier.create_policy(policy))
    reader, before = world.reader(), world.block

    def until(model: bytes, block: int | None = None, **wish: Any) -> int | None:
        record = plan(WISH.model_copy(update=wish), reader.at(block))
        [row] = [r for r in record.classes if r.method == "teeml" and r.model[2:] == model.hex()]
        assert (Reason.ARTIFACT in row.reasons) == (row.latency_ms is None)
        return row.latency_ms

    assert [until(prompt), until(slow)] == [1, 20_001]
    assert until(slow, first_answer=True) == 1
    assert until(early) is None  # its policy is not there yet
    world.wallet(0).send(verifier.create_policy(later))
    world.chain.mine(100)  # what is settled is kept
    assert [until(prompt), until(slow), until(early)] == [1, 20_001, 90_001]
    assert until(early, before) is None
    assert world.reader().at(before) == reader.at(before)


def test_the_table_of_what_is_carried_has_figures() -> None:
    zkml, teeml = table()["zkml"], table()["teeml"]
    rows = {int(k): figures for k, figures in zkml["rows"].items()}
    proofs = [rows[k]["prove_ms"] for k in sorted(rows)]
    assert proofs == sorted(proofs)
    assert all(figures["memory_mib"] > 0 for figures in rows.values())
    assert teeml["memory_mib"] > teeml["base_mib"] > 0
