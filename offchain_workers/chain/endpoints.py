# SPDX-License-Identifier: Apache-2.0
"""The set of endpoints: who may be asked, and who is judged to be down, behind or lying."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import structlog

from offchain_workers.chain import header as headers
from offchain_workers.chain.endpoint import Endpoint, EndpointFaultError, Fault, quantity
from offchain_workers.chain.errors import RpcUnavailableError, WrongChainError
from offchain_workers.chain.header import Header

log = structlog.get_logger(__name__)

T = TypeVar("T")


class EndpointSet:
    """Endpoints of one chain, in the order of the configuration. Thread-safe.

    An endpoint is quarantined, with a growing backoff, when it is down, answers garbage, serves
    another chain, lags more than ``max_lag`` blocks, or lies.
    """

    def __init__(
        self,
        urls: Sequence[str],
        chain_id: int | None = None,
        timeout: float = 10.0,
        max_lag: int = 3,
    ) -> None:
        if not urls:
            raise RpcUnavailableError("no endpoint is configured")
        self._endpoints = [Endpoint(url, timeout) for url in dict.fromkeys(urls)]
        self._chain_id = chain_id
        self._max_lag = max_lag
        self._headers_verify = False
        self._refreshing = threading.Lock()

    def healthy(self) -> list[Endpoint]:
        """Endpoints in the order in which we ask them, known liars last; at least one.

        Raises RpcUnavailableError or WrongChainError.
        """
        good = [endpoint for endpoint in self._endpoints if endpoint.healthy]
        if not good or any(endpoint.chain_id is None for endpoint in good):
            self.refresh()
            good = [endpoint for endpoint in self._endpoints if endpoint.healthy]
        return sorted(good, key=lambda endpoint: endpoint.lies)

    def first(self, ask: Callable[[Endpoint], T]) -> T:
        """The value of ``ask`` at the first endpoint where it works."""
        for endpoint in self.healthy():
            try:
                value = ask(endpoint)
            except EndpointFaultError as fault:
                self.quarantine(endpoint, fault)
            else:
                endpoint.worked()
                return value
        raise self._unavailable()

    def each(self, ask: Callable[[Endpoint], T]) -> list[tuple[Endpoint, T]]:
        """The value of ``ask`` at every healthy endpoint where it works; at least one."""
        values = []
        for endpoint in self.healthy():
            try:
                values.append((endpoint, ask(endpoint)))
            except EndpointFaultError as fault:
                self.quarantine(endpoint, fault)
        if not values:
            raise self._unavailable()
        return values

    def refresh(self) -> None:
        """Ask every endpoint that may be asked for its chain and head, then judge them."""
        with self._refreshing:
            for endpoint in self._endpoints:
                if endpoint.healthy or endpoint.due:
                    self._probe(endpoint)
            self._judge()
            if not any(endpoint.healthy for endpoint in self._endpoints):
                raise self._unavailable()

    def header_from(self, endpoint: Endpoint, block: int | str | bytes) -> Header | None:
        """One endpoint's header for a number, tag or hash. Raises EndpointFaultError."""
        method = "eth_getBlockByHash" if isinstance(block, bytes) else "eth_getBlockByNumber"
        return self._read_header(endpoint, block, endpoint.ask(method, [_block_id(block), False]))

    def headers_from(self, endpoint: Endpoint, numbers: Sequence[int]) -> list[Header]:
        """Its headers of these numbers, up to the first that it hasn't."""
        requests = [[_block_id(number), False] for number in numbers]
        answers = endpoint.ask_all("eth_getBlockByNumber", requests)
        found = []
        for number, answer in zip(numbers, answers, strict=True):
            header = self._read_header(endpoint, number, answer)
            if header is None:
                break
            found.append(header)
        return found

    def _read_header(
        self, endpoint: Endpoint, block: int | str | bytes, answer: Mapping[str, Any]
    ) -> Header | None:
        # An error here is how some nodes say that they don't know the block.
        if answer.get("result") is None:
            return None
        try:
            header = headers.parse(answer["result"])
        except headers.MalformedHeaderError as error:
            raise EndpointFaultError(Fault.GARBAGE, str(error)) from error
        self._check_genuine(endpoint, header)
        if block not in (header.number, header.hash) and not isinstance(block, str):
            raise EndpointFaultError(Fault.GARBAGE, f"answered with block {header.number}")
        return header

    def quarantine(self, endpoint: Endpoint, fault: EndpointFaultError) -> None:
        endpoint.quarantine(fault.fault, fault.why)
        log.warning("endpoint quarantined", url=endpoint.name, fault=fault.fault, why=fault.why)

    def _check_genuine(self, endpoint: Endpoint, header: Header) -> None:
        """A wrong hash is a lie only on a chain whose headers we can recompute at all."""
        endpoint.suspect = header.genuine is False
        self._headers_verify = self._headers_verify or header.genuine is True
        if endpoint.suspect and self._headers_verify:
            raise EndpointFaultError(Fault.LIE, f"forged header {header.number}")

    def _probe(self, endpoint: Endpoint) -> None:
        try:
            endpoint.chain_id = quantity(endpoint.ask("eth_chainId", []).get("result"))
            head = self.header_from(endpoint, "latest")
        except EndpointFaultError as fault:
            self.quarantine(endpoint, fault)
            return
        endpoint.height = head.number if head else 0
        endpoint.release()

    def _judge(self) -> None:
        """After probing: quarantine forgers, other chains and laggards."""
        for endpoint in self._endpoints:
            if endpoint.healthy and endpoint.suspect and self._headers_verify:
                self.quarantine(endpoint, EndpointFaultError(Fault.LIE, "forged the head's header"))
        self._judge_chain([endpoint for endpoint in self._endpoints if endpoint.healthy])
        self._judge_lag([endpoint for endpoint in self._endpoints if endpoint.healthy])

    def _judge_chain(self, good: list[Endpoint]) -> None:
        ids = {endpoint.chain_id for endpoint in good}
        if self._chain_id is None and len(ids) > 1:
            raise WrongChainError(f"the endpoints serve different chains: {sorted(map(str, ids))}")
        self._chain_id = self._chain_id or next(iter(ids), None)
        for endpoint in good:
            if endpoint.chain_id != self._chain_id:
                why = f"chain id {endpoint.chain_id}, not {self._chain_id}"
                self.quarantine(endpoint, EndpointFaultError(Fault.WRONG_CHAIN, why))

    def _judge_lag(self, good: list[Endpoint]) -> None:
        """Behind on the same history is lag; on another history it is a dispute, left standing."""
        if len(good) < 2:
            return
        best = max(good, key=lambda endpoint: endpoint.height or 0)
        for endpoint in good:
            behind = (best.height or 0) - (endpoint.height or 0)
            if behind > self._max_lag and self._same_history(best, endpoint):
                why = f"{behind} blocks behind"
                self.quarantine(endpoint, EndpointFaultError(Fault.LAG, why))

    def _same_history(self, best: Endpoint, behind: Endpoint) -> bool:
        hashes = []
        for endpoint in (best, behind):
            try:
                header = self.header_from(endpoint, behind.height or 0)
            except EndpointFaultError as fault:
                self.quarantine(endpoint, fault)
                return False
            hashes.append(header.hash if header else None)
        return None not in hashes and hashes[0] == hashes[1]

    def _unavailable(self) -> RpcUnavailableError | WrongChainError:
        why = "; ".join(f"{e.name}: {e.last_error}" for e in self._endpoints)
        if all(endpoint.fault is Fault.WRONG_CHAIN for endpoint in self._endpoints):
            return WrongChainError(why)
        return RpcUnavailableError(f"no endpoint can be used: {why}")

    def close(self) -> None:
        for endpoint in self._endpoints:
            endpoint.close()


def _block_id(block: int | str | bytes) -> str:
    if isinstance(block, bytes):
        return "0x" + block.hex()
    return block if isinstance(block, str) else hex(block)
