# SPDX-License-Identifier: Apache-2.0
"""A contract's events about one thing, from the newest back: read no more than is asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, cast

from eth_utils.abi import event_abi_to_log_topic
from web3.exceptions import Web3RPCError

from offchain_workers.chain.call import revert_reason
from offchain_workers.chain.contracts.base import ContractWrapper
from offchain_workers.chain.errors import LogRangeRefusedError
from offchain_workers.chain.events import Decoder, Event
from offchain_workers.chain.logs import Log

_FIRST_STEP = 2_000
_MAX_STEP = 50_000


class Past:
    """``start_block``: nothing is looked for before it. One endpoint's word: check what matters."""

    def __init__(self, contract: ContractWrapper, start_block: int) -> None:
        self._contract = contract
        self._start = start_block
        self._decoder = Decoder({contract.address: contract.abi})
        self._topics = {
            entry["name"]: "0x" + bytes(event_abi_to_log_topic(cast(Any, entry))).hex()
            for entry in contract.abi
            if entry["type"] == "event"
        }

    def newest_first(
        self, names: Collection[str], about: bytes | None, last: int, then: bytes | None = None
    ) -> Iterator[Event]:
        """Events of these names in blocks up to ``last`` whose first indexed argument is ``about``
        and whose second is ``then``; None for any.

        Lazy: stop when you have seen enough. Raises LogRangeRefusedError.
        """
        topics = [[self._topics[name] for name in names], _topic(about), _topic(then)]
        # A filter longer than a log's topics never matches it, whatever it holds.
        while topics[-1] is None:
            topics.pop()
        end, step = last, _FIRST_STEP
        while end >= self._start:
            first = max(self._start, end - step + 1)
            try:
                logs = self._ask(first, end, topics)
            except Web3RPCError as error:
                if step == 1:
                    raise LogRangeRefusedError(f"block {end}: {revert_reason(error)}") from error
                step //= 2
                continue
            for log in sorted(logs, reverse=True):
                if (event := self._decoder.decode(log)) is not None:
                    yield event
            end, step = first - 1, min(step * 2, _MAX_STEP)

    def _ask(self, first: int, last: int, topics: Sequence[Any]) -> list[Log]:
        query = {
            "address": self._contract.address,
            "fromBlock": hex(first),
            "toBlock": hex(last),
            "topics": topics,
        }
        return [_log(entry) for entry in self._contract.w3.eth.get_logs(cast(Any, query))]


def _topic(word: bytes | None) -> str | None:
    """An address fills the lower bytes."""
    return None if word is None else "0x" + word.rjust(32, b"\0").hex()


def _log(entry: Mapping[str, Any]) -> Log:
    return Log(
        block_number=int(entry["blockNumber"]),
        log_index=int(entry["logIndex"]),
        block_hash=bytes(entry["blockHash"]),
        tx_hash=bytes(entry["transactionHash"]),
        address=bytes.fromhex(entry["address"][2:]),
        topics=tuple(bytes(topic) for topic in entry["topics"]),
        data=bytes(entry["data"]),
    )
