# SPDX-License-Identifier: Apache-2.0
"""What it costs to put each contract on a chain."""

from __future__ import annotations

from web3.types import TxReceipt

from benchmarks.pinned import PinnedChain
from benchmarks.table import Recorder
from offchain_workers.chain.contracts import ChainParams, deploy
from offchain_workers.chain.contracts.consumer import Consumer
from offchain_workers.chain.contracts.deployment import deploy_consumer


def deploys(chain: PinnedChain, record: Recorder) -> None:
    """The three core contracts, and the example consumer."""
    owner = chain.account("owner")

    def report(contract: str, receipt: TxReceipt) -> None:
        record.add(f"deploy:-:{contract}", receipt)

    with chain.automine():
        network = deploy(chain.w3, owner, ChainParams(), report)
        deploy_consumer(chain.w3, owner, network.marketplace.address)
    report(Consumer.NAME, _latest(chain))


def _latest(chain: PinnedChain) -> TxReceipt:
    [tx_hash] = chain.w3.eth.get_block("latest")["transactions"]
    assert isinstance(tx_hash, bytes)
    return chain.w3.eth.get_transaction_receipt(tx_hash)
