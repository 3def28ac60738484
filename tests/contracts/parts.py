# SPDX-License-Identifier: Apache-2.0
"""What a `World` is made of: compiled contracts, constants, records, block hashes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import boa
from boa.contracts.vyper.vyper_contract import VyperContract, VyperDeployer
from eth.constants import ZERO_HASH32
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from tests.contracts.actors import wallet
from tests.contracts.terms import NATIVE

ROOT = Path(__file__).parents[2]
ETHER = 10**18
SECONDS_A_BLOCK = 12

NONE = keccak(text="none")[:4]
OPEN, PENDING, PAID, REFUNDED = 1, 2, 3, 4
FINAL = 5  # a verb: the pending claim becomes PAID
EXPIRED, REFUTED, DEAD_PLUGIN = 2, 3, 4  # close reasons; 1 is PAID


@cache
def source(path: str) -> VyperDeployer:
    """A contract compiled once; ``path`` from the repository root."""
    return boa.load_partial(str(ROOT / path))


def deploy(path: str, *args: Any, sender: str | None = None) -> VyperContract:
    """Deploy a contract by its path from the repository root."""
    with boa.env.prank(sender or boa.env.eoa):
        contract: VyperContract = source(path).deploy(*args)
    return contract


@dataclass(frozen=True)
class Config:
    """Constructor arguments of the three contracts, and the demo model's royalty."""

    keeper_tip: int = 10**14
    fee_bps: int = 250
    min_stake: int = ETHER
    attest_stake: int = ETHER
    formation_tip: int = 10**15
    epoch_blocks: int = 100
    lead_blocks: int = 10
    subnet_ttl: int = 86_400
    unbond_seconds: int = 7 * 86_400
    block_history: str = NATIVE
    royalty_bps: int = 500


DEFAULT = Config()


class Job(NamedTuple):
    """What the market has about a job; ``pledge`` and the claim's ``bond`` in wei."""

    status: int
    operator: str
    posted_at: int
    pledge: int
    first: int
    bond: int = 0


class Spec(NamedTuple):
    """A class of jobs, in the contract's order."""

    model_id: bytes
    selector: bytes
    token: str
    tiers: int
    region: int
    band: int
    k: int


class Subnet(NamedTuple):
    """A formed subnet; members in turn order."""

    id: bytes
    members: list[LocalAccount]
    prices: list[int]


class Hashes:
    """Hashes of the blocks before the current one, latest first."""

    def __init__(self, salt: bytes) -> None:
        self.salt = salt

    def __iter__(self) -> Iterator[bytes]:
        number = int(boa.env.evm.patch.block_number) - 1
        return (block_hash(i, self.salt) for i in range(number, max(number - 256, -1), -1))


def block_hash(number: int, salt: bytes = ZERO_HASH32) -> bytes:
    """The hash that `World` gives to a block."""
    return keccak(salt + number.to_bytes(32, "big"))


def by(role: str) -> AbstractContextManager[None]:
    """Calls in the context come from a role's wallet."""
    context: AbstractContextManager[None] = boa.env.prank(wallet(role).address)
    return context
