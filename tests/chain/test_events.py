# SPDX-License-Identifier: Apache-2.0
"""Decoded events are what web3 decodes, for every event of every contract of the package."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from eth_abi import encode
from eth_utils.abi import collapse_if_tuple, event_abi_to_log_topic
from eth_utils.address import to_checksum_address
from hexbytes import HexBytes
from web3 import Web3

from offchain_workers.chain.artifact import load
from offchain_workers.chain.errors import EventUndecodableError
from offchain_workers.chain.events import Decoder
from offchain_workers.chain.logs import Log

CONTRACTS = ("JobMarketplace", "ModelRegistry", "SubnetRegistry")
ADDRESS = b"\x11" * 20
RANDOM = random.Random(1)
ODD: dict[str, Any] = {
    "type": "event",
    "name": "Odd",
    "anonymous": False,
    "inputs": [
        {"name": "text", "type": "string", "indexed": True},
        {"name": "pairs", "type": "tuple[]", "indexed": False, "components": [
            {"name": "left", "type": "uint256[2]"}, {"name": "right", "type": "address"}]},
        {"name": "note", "type": "string", "indexed": False},
    ],
}  # fmt: skip


def events() -> Iterator[Any]:
    for name in CONTRACTS:
        for entry in load(name).abi:
            if entry["type"] == "event":
                yield pytest.param(entry, id=f"{name}.{entry['name']}")
    yield pytest.param(ODD, id="odd")


def value(kind: str, entry: Mapping[str, Any]) -> Any:
    if kind.endswith("]"):
        inner, _, size = kind[:-1].rpartition("[")
        return [value(inner, entry) for _ in range(int(size or 3))]
    if kind == "tuple":
        return tuple(value(one["type"], one) for one in entry["components"])
    if kind == "address":
        return to_checksum_address(RANDOM.randbytes(20))
    if kind == "string":
        return "a note"
    if kind.startswith("bytes"):
        return RANDOM.randbytes(int(kind[5:] or 50))
    return RANDOM.random() < 0.5 if kind == "bool" else RANDOM.randrange(2 ** int(kind[4:]))


def topic(entry: Mapping[str, Any]) -> bytes:
    kind = str(collapse_if_tuple(entry))  # type: ignore[arg-type]
    if kind == "string":
        return RANDOM.randbytes(32)
    return encode([kind], [value(kind, entry)])


def made(event: Mapping[str, Any]) -> Log:
    topics = [topic(one) for one in event["inputs"] if one["indexed"]]
    others = [one for one in event["inputs"] if not one["indexed"]]
    kinds = [str(collapse_if_tuple(one)) for one in others]
    data = encode(kinds, [value(one["type"], one) for one in others])
    first = bytes(event_abi_to_log_topic(event))  # type: ignore[arg-type]
    return Log(7, 3, b"\x01" * 32, b"\x02" * 32, ADDRESS, (first, *topics), data)


def by_web3(event: Mapping[str, Any], log: Log) -> Any:
    contract = Web3().eth.contract(address=to_checksum_address(ADDRESS), abi=[event])  # type: ignore[list-item]
    receipt: Any = {
        "address": to_checksum_address(log.address),
        "topics": [HexBytes(one) for one in log.topics],
        "data": HexBytes(log.data),
        "blockNumber": log.block_number,
        "blockHash": HexBytes(log.block_hash),
        "transactionHash": HexBytes(log.tx_hash),
        "transactionIndex": 0,
        "logIndex": log.log_index,
    }
    return plain(contract.events[event["name"]]().process_log(receipt)["args"])


def plain(given: Any) -> Any:
    if isinstance(given, Mapping):
        return {str(key): plain(item) for key, item in given.items()}
    if isinstance(given, (list, tuple)):
        return [plain(item) for item in given]
    return bytes(given) if isinstance(given, bytes) else given


@pytest.mark.parametrize("event", events())
def test_decoded_as_by_web3(event: dict[str, Any]) -> None:
    log = made(event)
    decoded = Decoder({"0x" + ADDRESS.hex(): [event]}).decode(log)
    assert decoded is not None
    assert decoded.args == by_web3(event, log)
    assert (decoded.name, decoded.address) == (event["name"], to_checksum_address(ADDRESS))


@pytest.mark.parametrize("change", [{"data": b""}, {"topics": 1}, {"topics": 3}])
def test_a_log_that_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    log = made(ODD)
    topics = (log.topics * 2)[: change.get("topics", 2)]
    bad = Log(7, 3, log.block_hash, log.tx_hash, ADDRESS, topics, change.get("data", log.data))
    with pytest.raises(EventUndecodableError):
        Decoder({"0x" + ADDRESS.hex(): [ODD]}).decode(bad)


def test_other_events_are_passed_over() -> None:
    log = made(ODD)
    strange = Log(7, 3, log.block_hash, log.tx_hash, ADDRESS, (bytes(32),), b"")
    assert Decoder({"0x" + ADDRESS.hex(): [ODD]}).decode(strange) is None


def test_a_stranger_s_string_need_not_be_utf_8() -> None:
    """Whoever raised here would be stopped for ever by one cheap transaction."""
    log, decoder = made(ODD), Decoder({"0x" + ADDRESS.hex(): [ODD]})
    good, bad = decoder.decode(log), decoder.decode(_with_bytes(log, b"\xff\xfe\x00\xc0ok"))
    assert good is not None
    assert bad is not None
    assert bad.args == {**good.args, "note": r"\xff\xfe" + "\0" + r"\xc0ok"}


def _with_bytes(log: Log, note: bytes) -> Log:
    assert log.data.count(b"a note") == 1
    data = log.data.replace(b"a note", note)
    return Log(7, 3, log.block_hash, log.tx_hash, log.address, log.topics, data)
