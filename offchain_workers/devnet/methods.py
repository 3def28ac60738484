# SPDX-License-Identifier: Apache-2.0
"""The JSON-RPC methods of the embedded chain that only read, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eth.abc import StateAPI
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth_typing import Address

from . import wire
from .accounts import CHAIN_ID, dev_accounts
from .execution import estimate_gas, run_call
from .ledger import base_fee
from .node import Node
from .params import account, call_of, find_block, integer, log_filter, need_block, octets
from .rpc_error import invalid_params
from .wire import Json

Method = Callable[..., Json]
SUGGESTED_TIP = 10**9
MAX_FEE_HISTORY = 1024


class Reading:
    """One method of this class per JSON-RPC name, in `table`."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._ledger = node.ledger

    def table(self) -> dict[str, Method]:
        return {
            "eth_accounts": lambda: [one.address for one in dev_accounts()],
            "eth_blockNumber": lambda: wire.quantity(self._ledger.height),
            "eth_call": self.call,
            "eth_chainId": lambda: wire.quantity(CHAIN_ID),
            "eth_estimateGas": self.estimate,
            "eth_feeHistory": self.fee_history,
            "eth_gasPrice": self.gas_price,
            "eth_getBalance": self.balance,
            "eth_getBlockByHash": self.block,
            "eth_getBlockByNumber": self.block,
            "eth_getBlockReceipts": self.block_receipts,
            "eth_getCode": self.code,
            "eth_getLogs": self.logs,
            "eth_getStorageAt": self.storage,
            "eth_getTransactionByHash": self.transaction,
            "eth_getTransactionCount": self.nonce,
            "eth_getTransactionReceipt": self.receipt,
            "eth_maxPriorityFeePerGas": lambda: wire.quantity(SUGGESTED_TIP),
            "eth_syncing": lambda: False,
            "net_listening": lambda: True,
            "net_version": lambda: str(CHAIN_ID),
            "web3_clientVersion": lambda: "model-network-devnet/py-evm/prague",
        }

    # --- state --------------------------------------------------------------------------------

    def balance(self, who: Any, block: Any = "latest") -> Json:
        return wire.quantity(self._state(block).get_balance(account(who)))

    def code(self, who: Any, block: Any = "latest") -> Json:
        return wire.data(self._state(block).get_code(account(who)))

    def storage(self, who: Any, slot: Any, block: Any = "latest") -> Json:
        value = self._state(block).get_storage(account(who), integer(slot))
        return wire.data(value.to_bytes(32, "big"))

    def nonce(self, who: Any, block: Any = "latest") -> Json:
        sender = account(who)
        nonce = self._state(block).get_nonce(sender)
        if block == "pending":
            nonce = self._node.pool.next_nonce(Address(sender), nonce)
        return wire.quantity(nonce)

    # --- execution ----------------------------------------------------------------------------

    def call(self, fields: Any, block: Any = "latest", overrides: Any = None) -> Json:
        if overrides:
            raise invalid_params("state overrides are not supported")
        return wire.data(run_call(self._ledger, self._header(block), call_of(fields)))

    def estimate(self, fields: Any, block: Any = "pending") -> Json:
        call = call_of(fields)
        return wire.quantity(estimate_gas(self._ledger, self._header(block), call))

    # --- blocks and transactions --------------------------------------------------------------

    def block(self, which: Any, full: Any = False) -> Json:
        found = find_block(self._ledger, which)
        return None if found is None else wire.block_json(found, bool(full))

    def block_receipts(self, which: Any) -> Json:
        found = find_block(self._ledger, which)
        if found is None:
            return None
        return [wire.receipt_json(found, index) for index in range(len(found.receipts))]

    def transaction(self, tx_hash: Any) -> Json:
        wanted = octets(tx_hash, 32)
        found = self._ledger.locate(wanted)
        if found is not None:
            mined, index = found
            return wire.transaction_json(mined.block.transactions[index], mined, index)
        waiting = self._node.pool.get(wanted)
        return None if waiting is None else wire.transaction_json(waiting)

    def receipt(self, tx_hash: Any) -> Json:
        found = self._ledger.locate(octets(tx_hash, 32))
        return None if found is None else wire.receipt_json(*found)

    def logs(self, fields: Any) -> Json:
        wanted = log_filter(self._ledger, fields)
        return [
            wire.log_json(mined, position, index, log)
            for number in range(wanted.first, wanted.last + 1)
            if (mined := self._ledger.block(number)) is not None
            for position, (index, log) in enumerate(mined.logs())
            if wanted.matches(log.address, log.topics)
        ]

    # --- fees ---------------------------------------------------------------------------------

    def gas_price(self) -> Json:
        return wire.quantity(base_fee(self._node.pending_header()) + SUGGESTED_TIP)

    def fee_history(self, count: Any, newest: Any, percentiles: Any = None) -> Json:
        last = int(need_block(self._ledger, newest).block.number)
        first = max(0, last + 1 - min(max(integer(count), 1), MAX_FEE_HISTORY))
        headers = [need_block(self._ledger, at).header for at in range(first, last + 1)]
        following = self._ledger.block(last + 1)
        after = following.header if following else self._node.pending_header()
        tips = [wire.quantity(SUGGESTED_TIP) for _ in percentiles or []]
        return {
            "oldestBlock": wire.quantity(first),
            "baseFeePerGas": [wire.quantity(base_fee(h)) for h in [*headers, after]],
            "gasUsedRatio": [h.gas_used / h.gas_limit for h in headers],
            "reward": [tips for _ in headers],
        }

    # --- inside -------------------------------------------------------------------------------

    def _header(self, block: Any) -> PragueBlockHeader:
        """The header to execute under: of the block to come for "pending", as on anvil."""
        if block == "pending":
            return self._node.pending_header()
        return need_block(self._ledger, block).header

    def _state(self, block: Any) -> StateAPI:
        return self._ledger.state(need_block(self._ledger, block).header)
