# SPDX-License-Identifier: Apache-2.0
"""JSON shapes of the embedded chain: blocks, transactions, receipts and logs."""

from __future__ import annotations

from typing import Any

from eth._utils.address import generate_contract_address
from eth.abc import LogAPI, SignedTransactionAPI
from eth_utils.address import to_checksum_address
from rlp import encode

from .accounts import CHAIN_ID
from .ledger import Mined, base_fee

Json = Any  # what json.dumps takes

DYNAMIC_FEE_TYPE = 2


def quantity(value: int) -> str:
    return hex(value)


def data(value: bytes) -> str:
    return "0x" + value.hex()


def address(value: bytes) -> str | None:
    """Checksummed; None for the empty address of a contract creation."""
    return to_checksum_address(value) if value else None


def effective_gas_price(tx: SignedTransactionAPI, block_fee: int) -> int:
    return min(tx.max_fee_per_gas, block_fee + tx.max_priority_fee_per_gas)


def block_json(mined: Mined, full: bool) -> dict[str, Json]:
    """A block; its transactions whole when `full`, else their hashes."""
    header = mined.header
    txs = mined.block.transactions
    return {
        "number": quantity(header.block_number),
        "hash": data(header.hash),
        "parentHash": data(header.parent_hash),
        "timestamp": quantity(header.timestamp),
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "baseFeePerGas": quantity(base_fee(header)),
        "miner": address(header.coinbase),
        "difficulty": quantity(header.difficulty),
        "totalDifficulty": "0x0",
        "extraData": data(header.extra_data),
        "mixHash": data(header.mix_hash),
        "nonce": data(header.nonce),
        "sha3Uncles": data(header.uncles_hash),
        "logsBloom": data(header.bloom.to_bytes(256, "big")),
        "stateRoot": data(header.state_root),
        "transactionsRoot": data(header.transaction_root),
        "receiptsRoot": data(header.receipt_root),
        "withdrawalsRoot": data(header.withdrawals_root or b""),
        "parentBeaconBlockRoot": data(header.parent_beacon_block_root or b""),
        "requestsHash": data(header.requests_hash),
        "blobGasUsed": quantity(header.blob_gas_used),
        "excessBlobGas": quantity(header.excess_blob_gas),
        "size": quantity(len(encode(mined.block))),
        "uncles": [],
        "withdrawals": [],
        "transactions": [
            transaction_json(tx, mined, index) if full else data(tx.hash)
            for index, tx in enumerate(txs)
        ],
    }


def transaction_json(
    tx: SignedTransactionAPI, mined: Mined | None = None, index: int = 0
) -> dict[str, Json]:
    """A transaction; `mined` None while it waits in the pool."""
    price = effective_gas_price(tx, base_fee(mined.header)) if mined else tx.max_fee_per_gas
    fields: dict[str, Json] = {
        "hash": data(tx.hash),
        "type": quantity(tx.type_id or 0),
        "chainId": quantity(CHAIN_ID),
        "nonce": quantity(tx.nonce),
        "from": address(tx.sender),
        "to": address(tx.to),
        "value": quantity(tx.value),
        "gas": quantity(tx.gas),
        "input": data(tx.data),
        "gasPrice": quantity(price),
        "r": quantity(tx.r),
        "s": quantity(tx.s),
        "v": quantity(_v(tx)),
        "blockHash": data(mined.block.hash) if mined else None,
        "blockNumber": quantity(mined.block.number) if mined else None,
        "transactionIndex": quantity(index) if mined else None,
    }
    return fields | _typed_fields(tx)


def _v(tx: SignedTransactionAPI) -> int:
    return tx.y_parity if tx.type_id else int(getattr(tx, "v", tx.y_parity))


def _typed_fields(tx: SignedTransactionAPI) -> dict[str, Json]:
    if not tx.type_id:
        return {}
    fields: dict[str, Json] = {
        "yParity": quantity(tx.y_parity),
        "accessList": [
            {
                "address": address(account),
                "storageKeys": [data(k.to_bytes(32, "big")) for k in keys],
            }
            for account, keys in tx.access_list
        ],
    }
    if tx.type_id >= DYNAMIC_FEE_TYPE:
        fields["maxFeePerGas"] = quantity(tx.max_fee_per_gas)
        fields["maxPriorityFeePerGas"] = quantity(tx.max_priority_fee_per_gas)
    return fields


def receipt_json(mined: Mined, index: int) -> dict[str, Json]:
    """The receipt of the `index`-th transaction of a block."""
    tx, receipt = mined.block.transactions[index], mined.receipts[index]
    created = b"" if tx.to else generate_contract_address(tx.sender, tx.nonce)
    return {
        "transactionHash": data(tx.hash),
        "transactionIndex": quantity(index),
        "blockHash": data(mined.block.hash),
        "blockNumber": quantity(mined.block.number),
        "type": quantity(tx.type_id or 0),
        "from": address(tx.sender),
        "to": address(tx.to),
        "status": quantity(int(receipt.state_root == b"\x01")),
        "gasUsed": quantity(mined.gas_used[index]),
        "cumulativeGasUsed": quantity(receipt.gas_used),
        "effectiveGasPrice": quantity(effective_gas_price(tx, base_fee(mined.header))),
        "contractAddress": address(created),
        "logsBloom": data(receipt.bloom.to_bytes(256, "big")),
        "logs": [
            log_json(mined, position, at, log)
            for position, (at, log) in enumerate(mined.logs())
            if at == index
        ],
    }


def log_json(mined: Mined, position: int, index: int, log: LogAPI) -> dict[str, Json]:
    """A log: `position` counts in the block, `index` is its transaction's."""
    return {
        "address": address(log.address),
        "topics": [data(topic.to_bytes(32, "big")) for topic in log.topics],
        "data": data(log.data),
        "blockNumber": quantity(mined.block.number),
        "blockHash": data(mined.block.hash),
        "blockTimestamp": quantity(mined.header.timestamp),
        "transactionHash": data(mined.block.transactions[index].hash),
        "transactionIndex": quantity(index),
        "logIndex": quantity(position),
        "removed": False,
    }
