# SPDX-License-Identifier: Apache-2.0
"""Worlds with plug-ins and tokens, for the tests of the market."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from boa.contracts.vyper.vyper_contract import VyperContract
from eth_utils.crypto import keccak

from tests.contracts import ledger
from tests.contracts.actors import wallet
from tests.contracts.conftest import isolated
from tests.contracts.parts import ETHER, FINAL, PAID, PENDING, Subnet, by, deploy
from tests.contracts.terms import NATIVE, Terms
from tests.contracts.world import World

ARTIFACT = keccak(b"toy artifact")
DELAY = 600
BOND = 2 * ETHER
# Who has half of a claim's bond when the claim falls.
REWARDEE = wallet("challenger").address


@dataclass
class Plugs:
    """A world with three more methods: `toy` is a contract, of `plug` and `hedge` a wallet
    (`plugin`) is the plug-in, so that tests can send its verbs at will."""

    world: World
    toy: VyperContract
    toy_terms: Terms
    plug_terms: Terms
    hedge_terms: Terms
    subnet: Subnet

    def pending(self, terms: Terms, operator: str, output: bytes = b"claim", bond: int = 0) -> None:
        with by("plugin"):
            self.world.market.deliver(terms.abi, operator, output, PENDING, bond)

    def paid(self, terms: Terms, operator: str, output: bytes = b"answer") -> None:
        with by("plugin"):
            self.world.market.deliver(terms.abi, operator, output, PAID, 0)

    def final(self, terms: Terms, ok: bool, output: bytes = b"claim") -> None:
        with by("plugin"):
            if ok:
                self.world.market.deliver(terms.abi, NATIVE, output, FINAL, 0)
            else:
                self.world.market.refuted(terms.abi, REWARDEE)


@dataclass
class Deployed:
    """What `Plugs` starts from, without terms: their deadlines would grow stale."""

    world: World
    toy: VyperContract
    subnets: dict[str, Subnet]

    def plugs(self) -> Plugs:
        world = self.world.copy()
        terms = [
            world.terms(subnet, selector=selector_of(name), artifact_id=ARTIFACT)
            for name, subnet in self.subnets.items()
        ]
        return Plugs(world, self.toy, *terms, subnet=self.subnets["plug"])


def selector_of(name: str) -> bytes:
    """A method's selector."""
    return keccak(text=name)[:4]


def _deploy() -> Deployed:
    world = World.create()
    selector = selector_of("toy")
    world.model_id = world.publish("toy model", artifacts=[(selector, ARTIFACT)])
    parts = (world.market.address, world.subnets.address, world.models.address)
    toy = deploy("tests/contracts/methods/ToyVerifier.vy", *parts, selector, DELAY, BOND)
    plugin = world.fund("plugin").address
    world.fund("stranger")
    world.add_method("toy", toy.address, max_delay=DELAY)
    world.add_method("plug", plugin, max_n=512, max_delay=DELAY)
    world.add_method("hedge", plugin, max_delay=DELAY, hedge=True)
    return Deployed(world, toy, {name: _subnet(world, name) for name in ("toy", "plug", "hedge")})


def _subnet(world: World, name: str) -> Subnet:
    world.staff(3, selector=selector_of(name))
    return world.form_subnet(3, selector=selector_of(name))


@pytest.fixture(scope="session")
def plugs_deployed() -> Deployed:
    """Kept as it is: ask for `plugs` instead."""
    return _deploy()


@pytest.fixture
def plugs(plugs_deployed: Deployed, request: pytest.FixtureRequest) -> Iterator[Plugs]:
    """Methods `toy`, `plug` and `hedge`, a subnet and terms for each; the sums must hold."""
    with isolated(request):
        made = plugs_deployed.plugs()
        yield made
        ledger.check(made.world)


@pytest.fixture
def members(plugs: Plugs) -> list[str]:
    """Addresses of the `plug` subnet in turn order."""
    return [member.address for member in plugs.subnet.members]


@pytest.fixture
def token(world: World) -> VyperContract:
    """A plain ERC-20; the requester has a million and has approved the market."""
    return add_token(world, "PlainToken")


def add_token(world: World, name: str) -> VyperContract:
    """Deploy a token of `mocks`, give the requester some, let the market pull."""
    token = deploy(f"tests/contracts/mocks/{name}.vy")
    token.mint(wallet("requester").address, 10**6 * ETHER)
    with by("requester"):
        token.approve(world.market.address, 2**256 - 1)
    world.tokens.append(token)
    return token


def trade(world: World, token: VyperContract) -> tuple[Subnet, Terms]:
    """A subnet and terms of a job that is priced in the token."""
    world.staff(3, token=str(token.address))
    subnet = world.form_subnet(3, token=str(token.address))
    return subnet, world.terms(subnet, token=str(token.address), max_price=2 * 10**15)
