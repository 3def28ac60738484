# SPDX-License-Identifier: Apache-2.0
"""The three contracts on titanoboa and the moves of every role, for unit and stateful tests.

A `World` lives in boa's one environment: take `boa.env.anchor()` around each test. Constants and
records are in `parts`, terms in `terms`, wallets in `actors`, the money sums in `ledger`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import boa
from boa.contracts.vyper.vyper_contract import VyperContract
from eth._utils.address import generate_contract_address
from eth.constants import ZERO_HASH32
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

from tests.contracts.actors import wallet
from tests.contracts.parts import (
    DEFAULT,
    ETHER,
    NONE,
    PAID,
    SECONDS_A_BLOCK,
    Config,
    Hashes,
    Job,
    Spec,
    Subnet,
    deploy,
)
from tests.contracts.terms import NATIVE, Domain, Terms


@dataclass
class World:
    """Contracts, wallets and what has been posted. Build it with `World.create`."""

    config: Config
    subnets: VyperContract
    models: VyperContract
    market: VyperContract
    model_id: bytes = b""
    operators: list[LocalAccount] = field(default_factory=list)
    tokens: list[VyperContract] = field(default_factory=list)
    plugins: list[str] = field(default_factory=list)
    # Everyone that may have a balance or credit, and each job ever posted: what the sums run over.
    accounts: set[str] = field(default_factory=set)
    posted: dict[bytes, Terms] = field(default_factory=dict)
    # What plug-ins lock stake under beside jobs.
    bonds: set[bytes] = field(default_factory=set)

    @classmethod
    def create(cls, config: Config = DEFAULT, salt: bytes = ZERO_HASH32) -> World:
        """Deploy the three contracts by `owner` and publish a model by `publisher`."""
        boa.env.evm.patch.block_number = max(boa.env.evm.patch.block_number, 1_000)
        boa.env.evm.patch.prev_hashes = Hashes(salt)
        owner = to_canonical_address(wallet("owner").address)
        nonce = boa.env.evm.vm.state.get_nonce(owner)
        models, market = (
            to_checksum_address(generate_contract_address(owner, nonce + i)) for i in (1, 2)
        )
        subnets = cls._deploy_subnets(config, market, models)
        world = cls(
            config,
            subnets,
            cls._deploy("ModelRegistry", subnets.address, config.attest_stake),
            cls._deploy(
                "JobMarketplace", subnets.address, models, config.keeper_tip, config.fee_bps
            ),
        )
        assert world.models.address == models
        assert world.market.address == market
        for role in ("owner", "publisher", "keeper", "requester", "challenger"):
            world.fund(role)
        world.model_id = world.publish()
        return world

    @classmethod
    def _deploy_subnets(cls, config: Config, market: str, models: str) -> VyperContract:
        return cls._deploy(
            "SubnetRegistry",
            market,
            models,
            config.min_stake,
            config.formation_tip,
            config.epoch_blocks,
            config.lead_blocks,
            config.subnet_ttl,
            config.unbond_seconds,
            config.block_history,
        )

    @staticmethod
    def _deploy(name: str, *args: Any) -> VyperContract:
        return deploy(f"contracts/{name}.vy", *args, sender=wallet("owner").address)

    def copy(self) -> World:
        """The same contracts, with records of its own."""
        return replace(
            self,
            operators=[*self.operators],
            tokens=[*self.tokens],
            plugins=[*self.plugins],
            accounts={*self.accounts},
            posted={**self.posted},
            bonds={*self.bonds},
        )

    # ---- wallets, time ----

    def fund(self, role: str, ether: int = 1_000) -> LocalAccount:
        """A role's wallet with coins; from now on the sums count it."""
        account = wallet(role)
        boa.env.set_balance(account.address, ether * ETHER)
        self.accounts.add(account.address)
        return account

    @property
    def now(self) -> int:
        return int(boa.env.evm.patch.timestamp)

    @property
    def block(self) -> int:
        return int(boa.env.evm.patch.block_number)

    def roll(self, blocks: int = 1) -> None:
        """Mine blocks, 12 seconds each."""
        boa.env.time_travel(blocks=blocks, block_delta=SECONDS_A_BLOCK)

    def warp(self, timestamp: int) -> None:
        """Let the next block have this timestamp."""
        assert timestamp >= self.now, "time runs forward"
        boa.env.time_travel(blocks=1, block_delta=timestamp - self.now)

    def next_epoch(self) -> None:
        """Mine to the first block of the next epoch."""
        self.roll(self.config.epoch_blocks - self.block % self.config.epoch_blocks)

    # ---- publisher, owner ----

    def publish(
        self,
        name: str = "model",
        royalty_bps: int | None = None,
        artifacts: list[tuple[bytes, bytes]] | None = None,
        parent: bytes = ZERO_HASH32,
    ) -> bytes:
        """Publish a model by `publisher`; artifacts are (selector, artifact id), ascending."""
        royalty = self.config.royalty_bps if royalty_bps is None else royalty_bps
        with boa.env.prank(wallet("publisher").address):
            model_id: bytes = self.models.publish(
                keccak(text=name), keccak(text=f"{name} card"), parent, royalty, artifacts or [], ""
            )
        return model_id

    def add_method(
        self,
        name: str,
        plugin: str,
        max_n: int = 1,
        max_delay: int = 0,
        fee_bps: int = 250,
        hedge: bool = False,
    ) -> bytes:
        """List a plug-in; returns its selector."""
        selector = keccak(text=name)[:4]
        with boa.env.prank(wallet("owner").address):
            self.market.add_method(selector, plugin, max_n, max_delay, fee_bps, hedge)
        if plugin not in self.plugins:
            self.plugins.append(plugin)
        return selector

    # ---- operators ----

    def add_operator(self, name: str, stake: int = 10 * ETHER) -> LocalAccount:
        """Register an operator with stake; no offer yet."""
        account = self.fund(name)
        with boa.env.prank(account.address):
            self.subnets.register(keccak(text=f"{name} manifest"), f"http://{name}", value=stake)
        self.operators.append(account)
        return account

    def offer(
        self,
        operator: LocalAccount,
        price: int = 10**15,
        *,
        model_id: bytes | None = None,
        selector: bytes = NONE,
        token: str = NATIVE,
        tier: int = 1,
        region: int = 0,
    ) -> None:
        """Opt in to the method and offer the model under it."""
        with boa.env.prank(operator.address):
            self.subnets.opt_in(selector)
            self.subnets.offer(model_id or self.model_id, selector, token, tier, region, price, 0)

    def staff(
        self,
        count: int = 3,
        *,
        prices: list[int] | None = None,
        selector: bytes = NONE,
        token: str = NATIVE,
    ) -> list[LocalAccount]:
        """Operators 0 .. count-1 (registered when missing), each with an offer in the book."""
        while len(self.operators) < count:
            self.add_operator(f"operator {len(self.operators)}")
        for i, operator in enumerate(self.operators[:count]):
            self.offer(operator, prices[i] if prices else 10**15, selector=selector, token=token)
        return self.operators[:count]

    # ---- subnets ----

    def spec(self, k: int = 3, **changes: Any) -> Spec:
        """A spec for method `none` in native coin, any tier, region and price."""
        default = Spec(self.model_id, NONE, NATIVE, 7, 0, 96, k)
        return default._replace(**changes)

    def request(self, spec: Spec, by: str = "requester") -> bytes:
        """Request a subnet, paying what it costs; returns the id it will have."""
        cost = self.subnets.request_cost(spec)
        with boa.env.prank(wallet(by).address):
            subnet_id: bytes = self.subnets.request(spec, value=cost)
        return subnet_id

    def form(self, spec: Spec, by: str = "keeper") -> Subnet:
        """Form the requested subnet, once its seed block is there."""
        seed_at = self.subnets.seed_block(self.subnets.spec_id_of(spec))
        self.roll(max(seed_at + 1 - self.block, 0))
        with boa.env.prank(wallet(by).address):
            subnet_id: bytes = self.subnets.form(spec)
        return self.subnet(subnet_id)

    def form_subnet(self, k: int = 3, **changes: Any) -> Subnet:
        """Let offers come into force, then request and form."""
        self.next_epoch()
        spec = self.spec(k, **changes)
        self.request(spec)
        return self.form(spec)

    def subnet(self, subnet_id: bytes) -> Subnet:
        """A formed subnet by its id."""
        addresses = [str(a) for a in self.subnets.members(subnet_id)]
        by_address = {operator.address: operator for operator in self.operators}
        prices = [self.subnets.member(subnet_id, i)[1] for i in range(len(addresses))]
        return Subnet(subnet_id, [by_address[a] for a in addresses], prices)

    # ---- jobs ----

    @property
    def domain(self) -> Domain:
        return Domain(str(self.market.address), int(boa.env.evm.patch.chain_id))

    def terms(self, subnet: Subnet, **changes: Any) -> Terms:
        """Terms of a plain job by `requester`: an hour to deliver, turns of a minute."""
        start = {
            "requester": wallet("requester").address,
            "model_id": self.model_id,
            "selector": NONE,
            "subnet_id": subnet.id,
            "max_price": max(subnet.prices) * changes.get("n", 1),
            "deliver_by": self.now + 3_600,
        }
        start["resolve_by"] = changes.get("deliver_by", start["deliver_by"]) + 86_400
        return Terms(**(start | changes))

    def due(self, terms: Terms) -> int:
        """Native coin to send with a post, with nothing taken from the balance."""
        return self.config.keeper_tip + (terms.max_price if terms.token == NATIVE else 0)

    def post(self, terms: Terms, data: bytes = b"", value: int | None = None) -> bytes:
        """Post as the requester in the terms."""
        with boa.env.prank(terms.requester):
            job_id: bytes = self.market.post(
                terms.abi, data, value=self.due(terms) if value is None else value
            )
        self.posted[job_id] = terms
        self.accounts.add(terms.requester)
        return job_id

    def accept(
        self, terms: Terms, signer: LocalAccount, pledge: int = ETHER, until: int | None = None
    ) -> tuple[int, int, int, int, int]:
        """The signer's acceptance of a job: until, pledge, v, r, s."""
        job_id = self.domain.job_id(terms)
        return self.domain.acceptance(
            job_id, signer, self.now + 60 if until is None else until, pledge
        )

    def post_accepted(
        self, terms: Terms, acceptance: tuple[int, int, int, int, int], data: bytes = b""
    ) -> bytes:
        """Post a job with the primary's acceptance."""
        with boa.env.prank(terms.requester):
            job_id: bytes = self.market.post_accepted(
                terms.abi, data, acceptance, value=self.due(terms)
            )
        self.posted[job_id] = terms
        self.accounts.add(terms.requester)
        return job_id

    def deliver(self, terms: Terms, operator: LocalAccount, output: bytes = b"answer") -> None:
        """Deliver a job of method `none`."""
        with boa.env.prank(operator.address):
            self.market.deliver(terms.abi, operator.address, output, PAID, 0)

    def refund(self, terms: Terms, by: str = "keeper") -> None:
        """Close a job that nobody delivered."""
        with boa.env.prank(wallet(by).address):
            self.market.refund(terms.abi)

    def job(self, terms: Terms) -> Job:
        """The market's view of a job."""
        status, operator, *numbers = self.market.job(self.domain.job_id(terms))
        return Job(status, str(operator), *numbers)

    def balance(self, role: str, token: str = NATIVE) -> int:
        """What a role can withdraw from the market."""
        return int(self.market.balance_of(token, wallet(role).address))
