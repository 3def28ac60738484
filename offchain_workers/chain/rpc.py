# SPDX-License-Identifier: Apache-2.0
"""The RPC pool: several endpoints that must tell the same story."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar, cast

from web3 import Web3
from web3.providers.base import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from offchain_workers.chain.endpoint import EndpointFaultError, EndpointHealth, Fault
from offchain_workers.chain.endpoints import EndpointSet
from offchain_workers.chain.errors import (
    EndpointsDisagreeError,
    RpcRejectedError,
    RpcUnavailableError,
    WrongChainError,
)
from offchain_workers.chain.header import Header

T = TypeVar("T")


class RpcPool(EndpointSet):
    """Ask whichever endpoint is healthy; quarantine those that fail, lag or lie.

    ``timeout`` is in seconds, ``max_lag`` in blocks. A JSON-RPC *error* is an answer (a revert, a
    refused range) and never a reason to ask elsewhere. Thread-safe.
    """

    # --- the simple calls -------------------------------------------------------------------

    def call(self, method: str, params: Sequence[Any] = ()) -> Any:
        """The result of one request. Raises RpcRejectedError for an error answer."""
        return unwrap(method, self.request(method, params))

    def request(self, method: str, params: Sequence[Any] = ()) -> dict[str, Any]:
        """The whole JSON-RPC response from the first endpoint that answers."""
        return self.first(lambda endpoint: endpoint.ask(method, params))

    @cached_property
    def w3(self) -> Web3:
        """A Web3 over the pool, for contract wrappers."""
        return Web3(PoolProvider(self))

    @property
    def chain_id(self) -> int:
        if self._chain_id is None:
            self.refresh()
        return cast(int, self._chain_id)  # refresh sets it or raises

    def header(self, block: int | str | bytes) -> Header | None:
        """A header whose hash was recomputed where possible; None when the node hasn't it."""
        return self.first(lambda endpoint: self.header_from(endpoint, block))

    def headers(self, numbers: Sequence[int]) -> list[Header]:
        """Of one endpoint, up to the first that it hasn't; verified like ``header``."""
        return self.first(lambda endpoint: self.headers_from(endpoint, numbers))

    def broadcast(self, raw: bytes) -> dict[str, str]:
        """Send a signed transaction to every healthy endpoint: name -> "ok" or the refusal.

        Raises RpcUnavailableError when it reached nobody.
        """
        answers: dict[str, str] = {}
        for endpoint in self.healthy():
            try:
                answer = endpoint.ask("eth_sendRawTransaction", ["0x" + raw.hex()])
            except EndpointFaultError as fault:
                self.quarantine(endpoint, fault)
                continue
            error = str(answer["error"].get("message", "")) if "error" in answer else ""
            answers[endpoint.name] = "ok" if not error or already_known(error) else error
        if not answers:
            raise self._unavailable()
        return answers

    # --- agreement --------------------------------------------------------------------------

    @property
    def height(self) -> int:
        """The head of the endpoint that we ask first, as of the last ``refresh``."""
        return self.healthy()[0].height or 0

    @property
    def common_height(self) -> int:
        """The highest block that every healthy endpoint has, as of the last ``refresh``."""
        return min(endpoint.height or 0 for endpoint in self.healthy())

    def agreed(self, method: str, params: Sequence[Any], read: Callable[[dict[str, Any]], T]) -> T:
        """``read(response)``, the same for all healthy endpoints.

        Raises EndpointsDisagreeError when it isn't, and whatever ``read`` raises; an
        EndpointFaultError from it quarantines the endpoint that answered.
        """
        return self.agreed_all(method, [params], read)[0]

    def agreed_all(
        self, method: str, many: Sequence[Sequence[Any]], read: Callable[[dict[str, Any]], T]
    ) -> list[T]:
        """The same for several requests of a method."""
        answers = self.each(
            lambda endpoint: [read(answer) for answer in endpoint.ask_all(method, many)]
        )
        if any(value != answers[0][1] for _, value in answers):
            names = ", ".join(endpoint.name for endpoint, _ in answers)
            raise EndpointsDisagreeError(f"{names} give different answers to {method}")
        return answers[0][1]

    def require_agreement(self, depth: int = 0) -> None:
        """Before money moves: all healthy endpoints hold one chain ``depth`` blocks back.

        Raises EndpointsDisagreeError.
        """
        if len(self.healthy()) < 2:
            return
        number = max(0, self.common_height - depth)
        answers = self.each(lambda endpoint: self.header_from(endpoint, number))
        hashes = {header.hash if header else None for _, header in answers}
        if len(hashes) > 1:
            names = ", ".join(endpoint.name for endpoint, _ in answers)
            raise EndpointsDisagreeError(f"{names} hold different blocks at height {number}")

    def still_held(self, number: int, ours: bytes) -> bool:
        """Whether any endpoint holds ``ours`` at a height that we had taken as settled.

        If so, those that now show another block there rewrote history and are quarantined.
        """
        answers = self.each(lambda endpoint: self.header_from(endpoint, number))
        if not any(header and header.hash == ours for _, header in answers):
            return False
        for endpoint, header in answers:
            if header and header.hash != ours:
                self.quarantine(endpoint, EndpointFaultError(Fault.LIE, f"rewrote block {number}"))
        return True

    def expose_broken_links(self, number: int) -> None:
        """Quarantine endpoints whose block ``number`` is no child of their own block before it.

        The parent is read on both sides of the child, so that a reorg in between is no lie.
        """
        around = (number - 1, number, number - 1)
        for endpoint, seen in self.each(
            lambda endpoint: [self.header_from(endpoint, block) for block in around]
        ):
            before, child, after = seen
            if before and child and before == after and child.parent_hash != before.hash:
                why = f"block {number} does not follow its block {number - 1}"
                self.quarantine(endpoint, EndpointFaultError(Fault.LIE, why))

    def health(self) -> list[EndpointHealth]:
        """One row for each endpoint, without secrets."""
        heights = [e.height for e in self._endpoints if e.healthy and e.height is not None]
        return [endpoint.health(max(heights, default=None)) for endpoint in self._endpoints]


class PoolProvider(BaseProvider):
    """web3's view of the pool."""

    def __init__(self, pool: RpcPool) -> None:
        super().__init__()
        self._pool = pool

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        return cast(RPCResponse, self._pool.request(method, params))

    def is_connected(self, show_traceback: bool = False) -> bool:
        try:
            self._pool.call("eth_chainId")
        except (RpcUnavailableError, RpcRejectedError, WrongChainError):
            if show_traceback:
                raise
            return False
        return True


def unwrap(method: str, answer: dict[str, Any]) -> Any:
    """The result of a response. Raises RpcRejectedError."""
    if "result" in answer:
        return answer["result"]
    raise RpcRejectedError(method, answer["error"])


def already_known(message: str) -> bool:
    """Whether a refusal to take a transaction means that the node has it already."""
    text = message.lower()
    return "already known" in text or "already imported" in text or "known transaction" in text
