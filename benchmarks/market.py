# SPDX-License-Identifier: Apache-2.0
"""The market that scenes are played on: deployed contracts, a model, operators, subnets."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from web3.types import TxReceipt

from benchmarks.pinned import PinnedChain
from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import (
    Acceptance,
    ChainParams,
    JobTerms,
    ModelRecord,
    Network,
    Spec,
    Tier,
    deploy,
    sign_acceptance,
)
from offchain_workers.chain.contracts.base import NATIVE
from offchain_workers.chain.contracts.terms import selector_of

NONE = selector_of("none")
ETHER = 10**18
GWEI = 10**9
PRICE = 300_000 * GWEI
# A requester's limit is seldom the price itself: the surplus is one more balance to write.
MAX_PRICE = 2 * PRICE
PLEDGE = PRICE // 2
TURN = 30
DELIVER_WITHIN = 600
ROYALTY_BPS = 500
# Gas does not depend on an epoch's length, the time to mine one does.
PARAMS = ChainParams(epoch_blocks=64, lead_blocks=8)
ENDPOINT = "https://operator.example:8443"


def payload(size: int, name: str) -> bytes:
    """Fixed bytes without a zero among them: the dearest of their length."""
    return hashlib.shake_256(name.encode()).digest(size).replace(b"\x00", b"\x01")


@dataclass(frozen=True)
class Subnet:
    """A formed subnet, members in turn order."""

    subnet_id: bytes
    spec: Spec
    members: list[LocalAccount]


@dataclass
class Market:
    """Roles, contracts, one model. Every method that changes the chain mines."""

    chain: PinnedChain
    network: Network
    model_id: bytes
    operators: list[LocalAccount] = field(default_factory=list)
    _posts: int = 0

    @classmethod
    def create(cls, chain: PinnedChain, artifacts: dict[bytes, bytes] | None = None) -> Market:
        """The contracts, and a model that ``publisher`` lists."""
        with chain.automine():
            network = deploy(chain.w3, chain.account("owner"), PARAMS)
        record = ModelRecord(
            payload(32, "onnx"), payload(32, "card"), ROYALTY_BPS, artifacts=artifacts or {}
        )
        publisher = chain.account("publisher")
        model_id = network.models.model_id(publisher.address, record)
        chain.send(publisher, network.models.publish(record, ENDPOINT))
        return cls(chain, network, model_id)

    @classmethod
    def staffed(cls, chain: PinnedChain) -> tuple[Market, Subnet]:
        """Three operators under `none`, and their subnet."""
        market = cls.create(chain)
        market.enlist(3)
        market.offer_all(market.operators, Tier.WEB2_CLOUD)
        market.next_epoch()
        return market, market.form(market.spec(k=3))

    # --- operators ----------------------------------------------------------------------------

    def enlist(self, count: int) -> list[LocalAccount]:
        """Register so many more operators, each with more stake than the one before."""
        subnets = self.network.subnets
        first = len(self.operators)
        new = [self.chain.account(f"operator {first + i}") for i in range(count)]
        stakes = [(first + i + 1) * ETHER for i in range(count)]
        self.chain.send_all(
            [
                (operator, subnets.register(payload(32, "manifest"), ENDPOINT, stake))
                for operator, stake in zip(new, stakes, strict=True)
            ]
        )
        self.operators += new
        return new

    def offer_all(
        self,
        operators: Sequence[LocalAccount],
        tier: Tier,
        selector: bytes = NONE,
        token: str = NATIVE,
    ) -> None:
        """Opt in and offer; in force from the next epoch."""
        self.chain.send_all(
            [(operator, self.network.subnets.opt_in(selector)) for operator in operators]
        )
        self.chain.send_all(
            [(operator, self.offer(tier, selector, token)) for operator in operators]
        )

    def offer(
        self, tier: Tier, selector: bytes = NONE, token: str = NATIVE, price: int = PRICE
    ) -> Call:
        return self.network.subnets.offer(
            self.model_id, selector, tier, price, region=1, token=token
        )

    # --- subnets ------------------------------------------------------------------------------

    def next_epoch(self) -> None:
        """To the first block of the next epoch: offers made before are in force."""
        epoch = PARAMS.epoch_blocks
        self.chain.mine(epoch - self.chain.w3.eth.block_number % epoch)

    def spec(self, selector: bytes = NONE, token: str = NATIVE, **fields: Any) -> Spec:
        return Spec(self.model_id, selector, token, **fields)

    def request(self, *specs: Spec) -> list[TxReceipt]:
        """All in one block, by the requester."""
        subnets, requester = self.network.subnets, self.chain.account("requester")
        calls = [(requester, subnets.request(s, subnets.request_cost(s))) for s in specs]
        return self.chain.send_all(calls)

    def form(self, spec: Spec) -> Subnet:
        """Request, wait for the seed, form."""
        self.request(spec)
        self.await_seed(spec)
        self.chain.send(self.chain.account("keeper"), self.network.subnets.form(spec))
        return self.subnet(spec)

    def await_seed(self, spec: Spec) -> None:
        """Until the next block may form what was requested."""
        missing = self.network.subnets.seed_block(spec) - self.chain.w3.eth.block_number
        if missing > 0:
            self.chain.mine(missing)

    def subnet(self, spec: Spec) -> Subnet:
        """The spec's latest."""
        subnets = self.network.subnets
        latest = subnets.latest_subnet(spec)
        info = subnets.subnet(latest[0]) if latest else None
        assert info is not None
        by_address: dict[str, LocalAccount] = {
            operator.address: operator for operator in self.operators
        }
        return Subnet(info.subnet_id, spec, [by_address[who] for who, _ in info.members])

    # --- jobs ---------------------------------------------------------------------------------

    def terms(self, subnet: Subnet, **fields: Any) -> JobTerms:
        """Terms of a new job for ``requester``; no two have the same salt."""
        self._posts += 1
        now = self.chain.now()
        n = int(fields.get("n", 1))
        defaults: dict[str, Any] = {
            "requester": self.chain.account("requester").address,
            "model_id": self.model_id,
            "selector": subnet.spec.selector,
            "subnet_id": subnet.subnet_id,
            "input_commitment": payload(32, "input"),
            "token": subnet.spec.token,
            "max_price": n * MAX_PRICE,
            "fee_cap": PARAMS.fee_bps,
            "royalty_cap": ROYALTY_BPS,
            "turn_length": TURN,
            "deliver_by": now + DELIVER_WITHIN,
            "resolve_by": now + 2 * DELIVER_WITHIN,
            "salt": keccak(text=f"job {self._posts}"),
        }
        return JobTerms(**(defaults | fields))

    def post(
        self,
        terms: JobTerms,
        data: bytes,
        acceptance: Acceptance | None = None,
        value: int | None = None,
    ) -> TxReceipt:
        """By the requester; ``value`` None sends all that is due."""
        market = self.network.marketplace
        due = market.value_due(terms) if value is None else value
        return self.chain.send(
            self.chain.account("requester"), market.post(terms, data, acceptance, due)
        )

    def accepted(self, terms: JobTerms, subnet: Subnet) -> Acceptance:
        """The primary's promise."""
        domain = self.network.marketplace.domain
        primary = subnet.members[terms.primary]
        return sign_acceptance(primary, domain, terms.job_id(domain), terms.deliver_by, PLEDGE)

    def deliver(self, terms: JobTerms, operator: LocalAccount, output: bytes) -> TxReceipt:
        call = self.network.marketplace.deliver(terms, operator.address, output)
        return self.chain.send(operator, call)
