# SPDX-License-Identifier: Apache-2.0
"""Deploy the three core contracts, which name one another by addresses known beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import rlp
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak
from web3 import Web3
from web3.types import TxReceipt

from offchain_workers.chain.artifact import load
from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts.base import ZERO_ADDRESS
from offchain_workers.chain.contracts.consumer import Consumer
from offchain_workers.chain.contracts.marketplace import Marketplace
from offchain_workers.chain.contracts.models import Models
from offchain_workers.chain.contracts.subnets import Subnets
from offchain_workers.chain.wallet import Wallet

ETHER = 10**18


@dataclass(frozen=True)
class ChainParams:
    """Immutable constructor choices. Amounts in wei, times in seconds."""

    min_stake: int = ETHER // 10
    attest_stake: int = ETHER // 10
    formation_tip: int = ETHER // 2000
    keeper_tip: int = ETHER // 20_000
    fee_bps: int = 100
    epoch_blocks: int = 240
    lead_blocks: int = 24
    subnet_ttl: int = 86_400
    unbond_seconds: int = 7 * 86_400
    block_history: str = ZERO_ADDRESS

    @classmethod
    def development(cls) -> ChainParams:
        """Short epochs, so that a demo need not wait."""
        return cls(epoch_blocks=12, lead_blocks=4, unbond_seconds=60)


@dataclass(frozen=True)
class Network:
    """The deployed contracts, wrapped."""

    marketplace: Marketplace
    models: Models
    subnets: Subnets
    start_block: int = 0

    @classmethod
    def at(
        cls, w3: Web3, marketplace: str, models: str, subnets: str, start_block: int = 0
    ) -> Network:
        return cls(
            Marketplace(w3, marketplace), Models(w3, models), Subnets(w3, subnets), start_block
        )

    def abis(self) -> dict[str, Any]:
        """Address to ABI, as the block follower wants it."""
        parts = (self.marketplace, self.models, self.subnets)
        return {part.address: part.abi for part in parts}


def deploy(
    w3: Web3,
    account: LocalAccount,
    params: ChainParams,
    report: Callable[[str, TxReceipt], None] = lambda contract, receipt: None,
) -> Network:
    """Three transactions from ``account``, which becomes the market's owner.

    ``report`` is told of each contract once it is mined.
    Raises TransactionFailedError, RpcRejectedError. Stops before the first transaction reaches
    the wrong address: all three are checked against what the others were told.
    """
    wallet = Wallet(w3, account)
    nonce = wallet.nonce()
    subnets, models, market = (created_address(account.address, nonce + i) for i in range(3))
    start = w3.eth.block_number + 1
    p = params
    receipt = wallet.create(
        creation(
            w3, Subnets.NAME, market, models, p.min_stake, p.formation_tip, p.epoch_blocks,
            p.lead_blocks, p.subnet_ttl, p.unbond_seconds, p.block_history,
        ),
        subnets,
    )  # fmt: skip
    report(Subnets.NAME, receipt)
    call = creation(w3, Models.NAME, subnets, p.attest_stake)
    report(Models.NAME, wallet.create(call, models))
    call = creation(w3, Marketplace.NAME, subnets, models, p.keeper_tip, p.fee_bps)
    report(Marketplace.NAME, wallet.create(call, market))
    return Network.at(w3, market, models, subnets, start)


def created_address(sender: str, nonce: int) -> str:
    """Where the contract of a transaction with that nonce will be."""
    packed = cast(bytes, rlp.encode([to_canonical_address(sender), nonce]))
    return to_checksum_address(keccak(packed)[12:])


def creation(w3: Web3, name: str, *args: Any) -> Call:
    """The call that creates a contract of the package."""
    artifact = load(name)
    factory = w3.eth.contract(abi=cast(Any, artifact.abi), bytecode=artifact.bytecode)
    code = factory.constructor(*args).data_in_transaction
    return Call("", bytes.fromhex(code.removeprefix("0x")))


def deploy_consumer(w3: Web3, account: LocalAccount, market: str) -> Consumer:
    """The example consumer contract, owned by ``account``. Raises as ``deploy``."""
    wallet = Wallet(w3, account)
    address = created_address(account.address, wallet.nonce())
    wallet.create(creation(w3, Consumer.NAME, market), address)
    return Consumer(w3, address)
