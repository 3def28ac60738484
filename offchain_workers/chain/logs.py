# SPDX-License-Identifier: Apache-2.0
"""Fetch logs, and don't take one endpoint's word for it when another can be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from offchain_workers.chain.endpoint import Endpoint, EndpointFaultError, Fault
from offchain_workers.chain.errors import (
    EndpointsDisagreeError,
    LogRangeRefusedError,
    RpcRejectedError,
)
from offchain_workers.chain.header import Header
from offchain_workers.chain.rpc import RpcPool, unwrap


@dataclass(frozen=True, order=True)
class Log:
    """One log as the node gave it; sorts in chain order."""

    block_number: int
    log_index: int
    block_hash: bytes
    tx_hash: bytes
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


Answers = list[tuple[Endpoint, list[Log] | None]]


def block_logs(
    pool: RpcPool, headers: Sequence[Header], addresses: Sequence[bytes]
) -> list[list[Log] | None]:
    """Logs of each block, in order; None for one that no endpoint knows any more.

    A verified bloom without our addresses saves the request. Otherwise all healthy endpoints are
    asked: an empty answer loses against logs that the bloom admits, and any other difference
    raises EndpointsDisagreeError. Raises LogRangeRefusedError when nobody lists the block.
    """
    found: dict[bytes, list[Log] | None] = {}
    asked = [one for one in headers if not one.genuine or one.may_contain(addresses)]
    if asked:
        answers = pool.each(lambda endpoint: _ask_blocks(pool, endpoint, asked, addresses))
        for i, header in enumerate(asked):
            of_one = [(endpoint, logs[i]) for endpoint, logs in answers if endpoint.healthy]
            found[header.hash] = _agree(pool, header, of_one)
    return [found.get(header.hash, []) for header in headers]


def range_logs(pool: RpcPool, first: int, last: int, addresses: Sequence[bytes]) -> list[Log]:
    """Logs of ``first..last`` inclusive, the same from every healthy endpoint.

    Raises RpcRejectedError when a node finds the range too large, EndpointsDisagreeError.
    """
    query = {"fromBlock": hex(first), "toBlock": hex(last), "address": _hexes(addresses)}
    for _ in range(len(pool.healthy())):
        answers = pool.each(lambda endpoint: _ask(endpoint, query))
        differing = _differing_blocks([logs for _, logs in answers])
        if not differing:
            return answers[0][1]
        for number in differing:
            header = pool.header(number)
            if header is not None:
                block_logs(pool, [header], addresses)
    raise EndpointsDisagreeError(f"endpoints list different logs in blocks {first} to {last}")


def _agree(pool: RpcPool, header: Header, answers: Answers) -> list[Log] | None:
    known = [(endpoint, logs) for endpoint, logs in answers if logs is not None]
    honest = [pair for pair in known if not _outside_bloom(pool, header, *pair)]
    found = {tuple(logs) for _, logs in honest}
    if header.genuine and len(found) == 2 and () in found:
        for endpoint, logs in honest:
            if not logs:
                why = f"omitted the logs of block {header.number}"
                pool.quarantine(endpoint, EndpointFaultError(Fault.LIE, why))
        found.discard(())
    if len(found) > 1:
        raise EndpointsDisagreeError(f"endpoints list different logs in block {header.number}")
    return list(found.pop()) if found else None


def _outside_bloom(pool: RpcPool, header: Header, endpoint: Endpoint, logs: list[Log]) -> bool:
    items = {item for log in logs for item in (log.address, *log.topics)}
    foreign = any(log.block_hash != header.hash for log in logs)
    if not foreign and (not header.genuine or header.contains_all(items)):
        return False
    why = f"invented logs in block {header.number}"
    pool.quarantine(endpoint, EndpointFaultError(Fault.LIE, why))
    return True


def _ask_blocks(
    pool: RpcPool, endpoint: Endpoint, headers: Sequence[Header], addresses: Sequence[bytes]
) -> list[list[Log] | None]:
    """By hash, which no reorg can blur; by number, checked, where a node can't do that."""
    wanted = _hexes(addresses)
    queries = [[{"blockHash": "0x" + one.hash.hex(), "address": wanted}] for one in headers]
    answers = endpoint.ask_all("eth_getLogs", queries)
    return [
        _read(answer) if "result" in answer else _ask_number(pool, endpoint, header, wanted)
        for header, answer in zip(headers, answers, strict=True)
    ]


def _ask_number(
    pool: RpcPool, endpoint: Endpoint, header: Header, addresses: Sequence[str]
) -> list[Log] | None:
    number = hex(header.number)
    query = {"fromBlock": number, "toBlock": number, "address": addresses}
    try:
        logs = _ask(endpoint, query)
    except RpcRejectedError as refusal:
        if _holds(pool, endpoint, header):
            raise LogRangeRefusedError(f"{endpoint.name}: {refusal.message}") from refusal
        return None
    return logs if _holds(pool, endpoint, header) else None


def _holds(pool: RpcPool, endpoint: Endpoint, header: Header) -> bool:
    now = pool.header_from(endpoint, header.number)
    return now is not None and now.hash == header.hash


def _ask(endpoint: Endpoint, query: Mapping[str, Any]) -> list[Log]:
    return _read(endpoint.ask("eth_getLogs", [query]))


def _read(answer: dict[str, Any]) -> list[Log]:
    try:
        return sorted(_parse(entry) for entry in unwrap("eth_getLogs", answer))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EndpointFaultError(Fault.GARBAGE, f"a log can't be read: {error!r}") from error


def _parse(entry: Mapping[str, Any]) -> Log:
    return Log(
        block_number=int(entry["blockNumber"], 16),
        log_index=int(entry["logIndex"], 16),
        block_hash=_bytes(entry["blockHash"]),
        tx_hash=_bytes(entry["transactionHash"]),
        address=_bytes(entry["address"]),
        topics=tuple(_bytes(topic) for topic in entry["topics"]),
        data=_bytes(entry["data"]),
    )


def _differing_blocks(answers: Sequence[list[Log]]) -> list[int]:
    everything = {log for logs in answers for log in logs}
    return sorted({log.block_number for logs in answers for log in everything - set(logs)})


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _hexes(addresses: Sequence[bytes]) -> list[str]:
    return ["0x" + address.hex() for address in addresses]
