# SPDX-License-Identifier: Apache-2.0
"""Builds the stage: contracts deployed, operators at work, a subnet formed in every book."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import boa
from boa.contracts.vyper.vyper_contract import VyperContract
from boa.environment import Env
from eth_utils.crypto import keccak

from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER, NONE, Config, Spec, deploy
from tests.contracts.stateful import staking, toying
from tests.contracts.stateful.books import Books, Method, Offer
from tests.contracts.stateful.chain import Call, Chain, Contract
from tests.contracts.stateful.compare import compare
from tests.contracts.stateful.play import PEOPLE, Play, Stage
from tests.contracts.stateful.tally import Tally
from tests.contracts.terms import NATIVE
from tests.contracts.world import World

TOY = keccak(text="toy")[:4]
CONFIG = Config(
    min_stake=2 * ETHER,
    epoch_blocks=20,
    lead_blocks=4,
    subnet_ttl=6_000,
    unbond_seconds=2_000,
    fee_bps=250,
)
START = 1_800_000_000
PRICES = (1_000_003, 2_000_017, 1_500_000, 3_000_001, 999_999)
KEEPER = wallet("keeper").address
MINTED = 10**20


class Setting(NamedTuple):
    """Where every run starts: the stage, the books so far, the specs that have subnets."""

    stage: Stage
    play: Play
    specs: list[Spec]

    def fresh(self, tally: Tally) -> Play:
        """A run of its own, for use inside an anchor."""
        play = copy.deepcopy(self.play, {id(self.stage): self.stage})
        self.stage.tally = tally
        return play


@contextmanager
def opened(selector: bytes) -> Iterator[Setting]:
    """A chain of its own, so that no other test's moves change what a seed leads to."""
    with boa.swap_env(Env()):
        boa.env.evm.patch.timestamp = START
        yield _build(selector)


def _build(selector: bytes) -> Setting:
    world = World.create(CONFIG)
    artifact = keccak(b"toy artifact")
    model_id = world.publish("model of the plays", artifacts=[(TOY, artifact)])
    addresses = world.market.address, world.subnets.address, world.models.address
    # By the owner: boa's own account, and so the addresses, would differ from session to session.
    mocks, by = "tests/contracts/mocks", wallet("owner").address
    parts = *addresses, TOY, toying.MAX_DELAY, toying.BOND
    toy = deploy("tests/contracts/methods/ToyVerifier.vy", *parts, sender=by)
    token, agent = (deploy(f"{mocks}/{name}.vy", sender=by) for name in ("MoodyToken", "Agent"))
    world.add_method("toy", str(toy.address), 1, toying.MAX_DELAY, CONFIG.fee_bps, hedge=True)
    stage = Stage(
        chain=Chain([world.market, world.subnets]),
        config=CONFIG,
        domain=world.domain,
        market=Contract(world.market),
        registry=Contract(world.subnets),
        token=Contract(token),
        agent=Contract(agent),
        toy=Contract(toy),
        model_id=model_id,
        artifact_id=artifact,
        royalty_bps=CONFIG.royalty_bps,
    )
    _books_of_registry(world, stage, selector)
    play = Play(stage, Books(CONFIG.keeper_tip, wallet("publisher").address, CONFIG.royalty_bps))
    play.books.methods = {
        NONE: Method(stage.market.address, CONFIG.fee_bps, 512, 0, False),
        TOY: Method(stage.toy.address, CONFIG.fee_bps, 1, toying.MAX_DELAY, True),
    }
    # boa prints the storage of contracts that it knows at every revert: most of the time.
    boa.env._contracts.clear()
    _fund(play, token)
    return Setting(stage, play, _staff(play, selector))


def _books_of_registry(world: World, stage: Stage, selector: bytes) -> None:
    for token in stage.tokens:
        book_id = world.subnets.book_id_of(stage.model_id, selector, token)
        stage.books[(selector, token)] = book_id


def _fund(play: Play, token: VyperContract) -> None:
    """Coins in every wallet, the token's spent by the market at will."""
    stage = play.stage
    for account in stage.accounts:
        boa.env.set_balance(account, 1_000 * ETHER)
        play.books.purse.pots[("wallet", NATIVE, account)] = 1_000 * ETHER
        _send(play, account, "mint", account, MINTED)
        _send(play, account, "approve", stage.market.address, 2**255)
        play.books.purse.pots[("wallet", stage.token.address, account)] = MINTED
    _send(play, NATIVE, "hook", stage.agent.address)
    assert len(stage.accounts) == len(PEOPLE) + 1


def _send(play: Play, sender: str, function: str, *args: object) -> None:
    assert play.stage.chain.send(Call(sender, play.stage.token, function, args)).ok


def _staff(play: Play, selector: bytes) -> list[Spec]:
    """All operators but one at work in both tokens' books, and subnets of three and of all."""
    stage = play.stage
    newcomer = wallet("operator 4").address
    at_work = [account for account in stage.operators if account != newcomer]
    for account, price in zip(at_work, PRICES, strict=True):
        staking.register(play, account, 2 * CONFIG.min_stake)
        staking.opt(play, account, selector, enter=True)
        for token in stage.tokens:
            staking.offer(play, account, (selector, token), Offer(price, 1, 0))
    stage.chain.roll(CONFIG.epoch_blocks, 12 * CONFIG.epoch_blocks)
    specs = [
        Spec(stage.model_id, selector, token, 7, 0, 96, k) for token in stage.tokens for k in (3, 4)
    ]
    for spec in specs:
        staking.renew(play, KEEPER, spec)
    assert len(play.subnets) == len(specs)
    compare(play, {})
    play.log.clear()
    return specs
