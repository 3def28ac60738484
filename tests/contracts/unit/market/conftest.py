# SPDX-License-Identifier: Apache-2.0
"""Worlds with plug-ins and tokens, for the tests of the market."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from boa.contracts.vyper.vyper_contract import VyperContract
from eth_utils.crypto import keccak

from tests.contracts import ledger
from tests.contracts.actors import wallet
from tests.contracts.conftest import isolated
from tests.contracts.parts import ETHER, Subnet, by, deploy
from tests.contracts.terms import Terms
from tests.contracts.world import World

ARTIFACT = keccak(b"toy artifact")
DELAY = 600
BOND = 2 * ETHER


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

    def pending(self, terms: Terms, operator: str, output: bytes = b"claim") -> None:
        with by("plugin"):
            self.world.market.pending(terms.abi, operator, output)

    def paid(self, terms: Terms, operator: str, output: bytes = b"answer") -> None:
        with by("plugin"):
            self.world.market.paid(terms.abi, operator, output)

    def final(self, terms: Terms, ok: bool, output: bytes = b"claim") -> None:
        with by("plugin"):
            self.world.market.final(terms.abi, output, ok)


def _plugs() -> Plugs:
    world = World.create()
    selectors = [keccak(text=name)[:4] for name in ("toy", "plug", "hedge")]
    world.model_id = world.publish("toy model", artifacts=[(selectors[0], ARTIFACT)])
    market, subnets, models = (
        world.market.address,
        world.subnets.address,
        world.models.address,
    )
    path = "tests/contracts/methods/ToyVerifier.vy"
    toy = deploy(path, market, subnets, models, selectors[0], DELAY, BOND)
    plugin = world.fund("plugin").address
    world.add_method("toy", toy.address, max_delay=DELAY)
    world.add_method("plug", plugin, max_n=512, max_delay=DELAY)
    world.add_method("hedge", plugin, max_delay=DELAY, hedge=True)
    world.fund("stranger")
    terms = []
    for selector in selectors:
        world.staff(3, selector=selector)
        subnet = world.form_subnet(3, selector=selector)
        terms.append((subnet, selector))
    made = [
        world.terms(subnet, selector=selector, artifact_id=ARTIFACT) for subnet, selector in terms
    ]
    return Plugs(world, toy, made[0], made[1], made[2], terms[1][0])


@pytest.fixture(scope="session")
def plugs_deployed() -> Plugs:
    """Kept as it is: ask for `plugs` instead."""
    return _plugs()


@pytest.fixture
def plugs(plugs_deployed: Plugs, request: pytest.FixtureRequest) -> Iterator[Plugs]:
    """Methods `toy`, `plug` and `hedge`, a subnet and terms for each; the sums must hold."""
    with isolated(request):
        made = replace(plugs_deployed, world=plugs_deployed.world.copy())
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
