# SPDX-License-Identifier: Apache-2.0
"""Decode logs through contract ABIs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from eth_abi.exceptions import DecodingError
from eth_utils.abi import event_abi_to_log_topic
from eth_utils.address import to_checksum_address
from hexbytes import HexBytes
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import InvalidEventABI, LogTopicError, MismatchedABI
from web3.types import LogReceipt

from offchain_workers.chain.errors import EventUndecodableError
from offchain_workers.chain.logs import Log
from offchain_workers.chain.tables import EventRow

Abi = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Event:
    """A decoded event. ``address`` is checksummed; structs in ``args`` are dicts by field name."""

    block_number: int
    block_hash: bytes
    log_index: int
    tx_hash: bytes
    address: str
    name: str
    args: Mapping[str, Any]

    @classmethod
    def of(cls, row: EventRow) -> Event:
        return cls(**{field: getattr(row, field) for field in cls.__dataclass_fields__})

    def row(self) -> EventRow:
        return EventRow(**self.__dict__)


class Decoder:
    """Knows the events of ``{address: abi}``."""

    def __init__(self, abis: Mapping[str, Abi]) -> None:
        w3 = Web3()
        self.addresses = [bytes.fromhex(address.removeprefix("0x")) for address in abis]
        self._events: dict[tuple[bytes, bytes], tuple[str, Contract]] = {}
        for raw, abi in zip(self.addresses, abis.values(), strict=True):
            contract = w3.eth.contract(address=to_checksum_address(raw), abi=cast(Any, abi))
            for entry in abi:
                if entry.get("type") == "event":
                    topic = bytes(event_abi_to_log_topic(cast(Any, entry)))
                    self._events[raw, topic] = (entry["name"], contract)

    def decode(self, log: Log) -> Event | None:
        """None for an event that the ABI doesn't list. Raises EventUndecodableError."""
        known = self._events.get((log.address, log.topics[0])) if log.topics else None
        if known is None:
            return None
        name, contract = known
        try:
            decoded = contract.events[name]().process_log(_receipt(log))
        except (DecodingError, LogTopicError, InvalidEventABI, MismatchedABI) as error:
            raise EventUndecodableError(
                f"{name} of {contract.address} in block {log.block_number} "
                f"does not fit its ABI: {error}"
            ) from error
        return Event(
            block_number=log.block_number,
            block_hash=log.block_hash,
            log_index=log.log_index,
            tx_hash=log.tx_hash,
            address=contract.address,
            name=name,
            args=_plain(decoded["args"]),
        )


def _receipt(log: Log) -> LogReceipt:
    return cast(
        LogReceipt,
        {
            "address": to_checksum_address(log.address),
            "topics": [HexBytes(topic) for topic in log.topics],
            "data": HexBytes(log.data),
            "blockNumber": log.block_number,
            "blockHash": HexBytes(log.block_hash),
            "transactionHash": HexBytes(log.tx_hash),
            "transactionIndex": 0,
            "logIndex": log.log_index,
        },
    )


def _plain(value: Any) -> Any:
    """The same shape before and after a trip through the database: dicts, lists, plain values."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return bytes(value) if isinstance(value, (bytes, bytearray)) else value
