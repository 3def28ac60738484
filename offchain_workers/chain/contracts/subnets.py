# SPDX-License-Identifier: Apache-2.0
"""SubnetRegistry: operators, stake, offers, subnets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts.base import NATIVE, ContractWrapper


class Tier(IntEnum):
    """Where an operator's hardware comes from."""

    WEB2_CLOUD = 0
    WEB3_SHARE = 1
    VIRTUAL_NODE = 2

    @property
    def label(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Spec:
    """A class of jobs. ``tiers``: bit mask over Tier; ``region`` 0 = any; an offer's price per
    item is at most ``2**band`` base units of ``token``; ``k`` members."""

    model_id: bytes
    selector: bytes
    token: str = NATIVE
    tiers: int = 0b111
    region: int = 0
    band: int = 96
    k: int = 3

    def abi(self) -> tuple[bytes, bytes, str, int, int, int, int]:
        return (
            self.model_id, self.selector, self.token, self.tiers, self.region, self.band, self.k
        )  # fmt: skip

    @property
    def spec_id(self) -> bytes:
        types = ["bytes32", "bytes4", "address", "uint256", "uint256", "uint256", "uint256"]
        return keccak(encode(types, self.abi()))


@dataclass(frozen=True)
class Operator:
    """Amounts in wei; ``reserved`` is part of ``stake``; ``penalty_bps`` as of ``penalty_at``."""

    index: int
    stake: int
    reserved: int
    offers: int
    penalty_bps: int
    penalty_at: int
    unbonding: int
    unbonded_at: int

    @property
    def free(self) -> int:
        return self.stake - self.reserved


@dataclass(frozen=True)
class SubnetInfo:
    """``expires`` is 0 until formed; ``members`` best first, with their price per item."""

    subnet_id: bytes
    expires: int
    k: int
    royalty_bps: int
    members: list[tuple[str, int]]


class Subnets(ContractWrapper):
    NAME = "SubnetRegistry"

    @cached_property
    def min_stake(self) -> int:
        return int(self.read("MIN_STAKE"))

    @cached_property
    def epoch_blocks(self) -> int:
        return int(self.read("EPOCH_BLOCKS"))

    @cached_property
    def formation_tip(self) -> int:
        return int(self.read("FORMATION_TIP"))

    def epoch(self) -> int:
        return int(self.read("epoch"))

    def operator(self, address: str) -> Operator | None:
        """None for an address that never registered."""
        found = Operator(*self.read("operators", address))
        return found if found.index else None

    def operator_count(self) -> int:
        return int(self.read("operator_count"))

    def operator_at(self, index: int) -> str:
        return str(self.read("operator_at", index))

    def opted_in(self, operator: str, plugin: str) -> bool:
        return int(self.read("opted_in", operator, plugin)) != 0

    def has_offer(self, operator: str, book_id: bytes) -> bool:
        return int(self.read("offer_seat", operator, book_id)) != 0

    def penalty_bps(self, operator: str) -> int:
        return int(self.read("penalty_of", operator))

    def credit(self, account: str) -> int:
        return int(self.read("credit", account))

    def subnet(self, subnet_id: bytes) -> SubnetInfo | None:
        """None for an id that was never requested."""
        head = int(self.read("header", subnet_id))
        if head == 0:
            return None
        members = []
        for index, address in enumerate(self.read("members", subnet_id)):
            members.append((str(address), int(self.read("member", subnet_id, index)[1])))
        return SubnetInfo(
            subnet_id=subnet_id,
            expires=(head >> 24) & (2**48 - 1),
            k=(head >> 72) & 255,
            royalty_bps=(head >> 80) & 0xFFFF,
            members=members,
        )

    def latest_subnet(self, spec: Spec) -> tuple[bytes, int] | None:
        """Id and expiry (0 until formed) of the spec's latest subnet; None if never requested."""
        subnet_id, expires = self.read("latest_subnet", spec.abi())
        return (bytes(subnet_id), int(expires)) if any(subnet_id) else None

    def seed_block(self, spec: Spec) -> int:
        """The block whose hash seeds the latest request; formation works above it."""
        return int(self.read("seed_block", spec.spec_id))

    def request_cost(self, spec: Spec) -> int:
        """Wei. Raises CallRevertedError while a subnet of the spec is live or pending."""
        return int(self.read("request_cost", spec.abi()))

    def register(self, manifest_hash: bytes, endpoint: str, stake: int) -> Call:
        return self.call("register", manifest_hash, endpoint, value=stake)

    def set_manifest(self, manifest_hash: bytes, endpoint: str) -> Call:
        return self.call("set_manifest", manifest_hash, endpoint)

    def add_stake(self, operator: str, amount: int) -> Call:
        return self.call("add_stake", operator, value=amount)

    def unbond(self, amount: int) -> Call:
        return self.call("unbond", amount)

    def withdraw_stake(self, to: str) -> Call:
        return self.call("withdraw_stake", to)

    def opt_in(self, selector: bytes) -> Call:
        return self.call("opt_in", selector)

    def opt_out(self, selector: bytes) -> Call:
        return self.call("opt_out", selector)

    def offer(
        self,
        model_id: bytes,
        selector: bytes,
        tier: Tier,
        price: int,
        region: int = 0,
        token: str = NATIVE,
        limits: int = 0,
    ) -> Call:
        """``price`` per item in base units of ``token``; in force from the next epoch."""
        return self.call("offer", model_id, selector, token, int(tier), region, price, limits)

    def end_offer(self, book_id: bytes) -> Call:
        return self.call("end_offer", book_id)

    def sync(self, operator: str, book_id: bytes) -> Call:
        return self.call("sync", operator, book_id)

    def request(self, spec: Spec, tip: int) -> Call:
        return self.call("request", spec.abi(), value=tip)

    def form(self, spec: Spec) -> Call:
        return self.call("form", spec.abi())

    def withdraw_credit(self, to: str) -> Call:
        return self.call("withdraw_credit", to)


def book_id(model_id: bytes, selector: bytes, token: str = NATIVE) -> bytes:
    """Where offers of a model under a method, priced in a token, compete."""
    return keccak(encode(["bytes32", "bytes4", "address"], [model_id, selector, token]))
