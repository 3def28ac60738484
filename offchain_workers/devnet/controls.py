# SPDX-License-Identifier: Apache-2.0
"""The JSON-RPC methods of the embedded chain that change it: sending, mining, time, snapshots."""

from __future__ import annotations

import threading
from typing import Any

from eth_account.types import TransactionDictType

from . import wire
from .accounts import CHAIN_ID, dev_accounts
from .execution import estimate_gas
from .ledger import base_fee
from .methods import SUGGESTED_TIP, Method
from .node import Node
from .params import account, call_of, integer, octets
from .rpc_error import SERVER_ERROR, RpcError
from .wire import Json


class Interval:
    """Mines a block every so many seconds, in a thread of its own."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._stop = threading.Event()

    def set(self, seconds: int) -> None:
        """Begin, change, or with 0 end the rhythm."""
        self._stop.set()
        self._stop = threading.Event()
        if seconds > 0:
            threading.Thread(
                target=self._run, args=(seconds, self._stop), name="interval", daemon=True
            ).start()

    def _run(self, seconds: int, stop: threading.Event) -> None:
        while not stop.wait(seconds):
            with self._node.lock:
                self._node.mine()


class Changing:
    """One method of this class per JSON-RPC name, in `table`."""

    def __init__(self, node: Node, interval: Interval) -> None:
        self._node = node
        self._interval = interval

    def table(self) -> dict[str, Method]:
        return {
            "anvil_mine": self.mine_many,
            "anvil_setBalance": self.set_balance,
            "eth_sendRawTransaction": self.send_raw,
            "eth_sendTransaction": self.send,
            "evm_increaseTime": lambda seconds: self._node.clock.increase(integer(seconds)),
            "evm_mine": self.mine_one,
            "evm_revert": lambda which: self._node.revert(integer(which)),
            "evm_setAutomine": self.set_automine,
            "evm_setIntervalMining": self.set_interval,
            "evm_setNextBlockTimestamp": self.set_next_timestamp,
            "evm_snapshot": lambda: wire.quantity(self._node.snapshot()),
        }

    def send_raw(self, raw: Any) -> Json:
        return wire.data(self._node.send_raw(octets(raw)))

    def send(self, fields: Any) -> Json:
        """Sign for one of the development accounts, filling in what is missing, and send."""
        call = call_of(fields)
        signer = next((one for one in dev_accounts() if octets(one.address) == call.sender), None)
        if signer is None:
            raise RpcError(SERVER_ERROR, "No Signer available")
        header = self._node.pending_header()
        nonce = fields.get("nonce")
        if nonce is None:
            latest = self._node.head_state().get_nonce(call.sender)
            nonce = self._node.pool.next_nonce(call.sender, latest)
        tip = integer(fields.get("maxPriorityFeePerGas", SUGGESTED_TIP))
        transaction: TransactionDictType = {
            "type": 2,
            "chainId": CHAIN_ID,
            "nonce": integer(nonce),
            "to": call.to,
            "value": call.value,
            "data": call.data,
            "gas": call.gas or estimate_gas(self._node.ledger, header, call),
            "maxPriorityFeePerGas": tip,
            "maxFeePerGas": integer(fields.get("maxFeePerGas", 2 * base_fee(header) + tip)),
        }
        return wire.data(
            self._node.send_raw(bytes(signer.sign_transaction(transaction).raw_transaction))
        )

    def mine_one(self, options: Any = None) -> Json:
        """evm_mine: nothing, a timestamp, or {"timestamp", "blocks"}."""
        wanted = options if isinstance(options, dict) else {"timestamp": options}
        when = wanted.get("timestamp")
        for at in range(integer(wanted.get("blocks") or 1)):
            self._node.mine(integer(when) if when is not None and at == 0 else None)
        return "0x0"

    def mine_many(self, blocks: Any = 1, seconds: Any = None) -> Json:
        """anvil_mine: so many blocks, so many seconds apart."""
        for at in range(integer(blocks)):
            if at and seconds is not None:
                self._node.clock.increase(integer(seconds))
            self._node.mine()
        return None

    def set_balance(self, who: Any, wei: Any) -> Json:
        self._node.set_balance(account(who), integer(wei))
        return None

    def set_automine(self, enabled: Any) -> Json:
        self._node.automine = bool(enabled)
        if self._node.automine:
            self._node.mine_ready()
        return None

    def set_interval(self, seconds: Any) -> Json:
        self._node.automine = False
        self._interval.set(integer(seconds))
        return None

    def set_next_timestamp(self, timestamp: Any) -> Json:
        self._node.set_next_timestamp(integer(timestamp))
        return None
