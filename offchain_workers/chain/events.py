# SPDX-License-Identifier: Apache-2.0
"""Decode logs through contract ABIs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple, event_abi_to_log_topic
from eth_utils.address import to_checksum_address

from offchain_workers.chain.abi import decode
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


@dataclass(frozen=True)
class _Kind:
    """An event of one contract: its indexed parameters, which are the topics, and the others."""

    address: str
    name: str
    indexed: list[_Parameter]
    others: list[_Parameter]

    @classmethod
    def of(cls, address: str, entry: Mapping[str, Any]) -> _Kind:
        inputs = entry["inputs"]
        return cls(
            address,
            entry["name"],
            [_Parameter.of(one) for one in inputs if one["indexed"]],
            [_Parameter.of(one) for one in inputs if not one["indexed"]],
        )

    def args(self, log: Log) -> dict[str, Any]:
        """Raises DecodingError or ValueError for a log that doesn't fit."""
        topics = zip(self.indexed, log.topics[1:], strict=True)
        indexed = {one.name: one.plain(decode([one.type], topic)[0]) for one, topic in topics}
        values = decode([one.type for one in self.others], log.data)
        others = zip(self.others, values, strict=True)
        return indexed | {one.name: one.plain(value) for one, value in others}


@dataclass(frozen=True)
class _Parameter:
    """``type`` as eth_abi wants it; ``plain`` turns its value into what we keep."""

    name: str
    type: str
    plain: Callable[[Any], Any]

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> _Parameter:
        kind = collapse_if_tuple(cast(Any, entry))
        if entry["indexed"] and kind.endswith(("bytes", "string", ")", "]")):
            return cls(entry["name"], "bytes32", _same)  # the topic is only its hash
        return cls(entry["name"], kind, _reader(entry["type"], entry))


class Decoder:
    """Knows the events of ``{address: abi}``."""

    def __init__(self, abis: Mapping[str, Abi]) -> None:
        self.addresses = [bytes.fromhex(address.removeprefix("0x")) for address in abis]
        self._events: dict[tuple[bytes, bytes], _Kind] = {}
        for raw, abi in zip(self.addresses, abis.values(), strict=True):
            for entry in abi:
                if entry.get("type") == "event":
                    topic = bytes(event_abi_to_log_topic(cast(Any, entry)))
                    self._events[raw, topic] = _Kind.of(to_checksum_address(raw), entry)

    def decode(self, log: Log) -> Event | None:
        """None for an event that the ABI doesn't list. Raises EventUndecodableError."""
        kind = self._events.get((log.address, log.topics[0])) if log.topics else None
        if kind is None:
            return None
        try:
            args = kind.args(log)
        except (DecodingError, ValueError) as error:
            raise EventUndecodableError(
                f"{kind.name} of {kind.address} in block {log.block_number} "
                f"does not fit its ABI: {error}"
            ) from error
        return Event(
            block_number=log.block_number,
            block_hash=log.block_hash,
            log_index=log.log_index,
            tx_hash=log.tx_hash,
            address=kind.address,
            name=kind.name,
            args=args,
        )


def _reader(kind: str, entry: Mapping[str, Any]) -> Callable[[Any], Any]:
    """The same shape before and after a trip through the database: dicts, lists, plain values."""
    if kind.endswith("]"):
        item = _reader(kind[: kind.rindex("[")], entry)
        return lambda values: [item(value) for value in values]
    if kind == "tuple":
        parts = [(one["name"], _reader(one["type"], one)) for one in entry["components"]]
        return lambda values: {
            name: read(value) for (name, read), value in zip(parts, values, strict=True)
        }
    return to_checksum_address if kind == "address" else _same


def _same(value: Any) -> Any:
    return value
