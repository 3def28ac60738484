# SPDX-License-Identifier: Apache-2.0
"""Several servers of one operator behind a balancer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog

from offchain_workers.balancing import Attempt, Balancer, Caller, Outcome
from offchain_workers.balancing.errors import BalancingError
from offchain_workers.engines.oip.endpoint import Endpoint, Facts
from offchain_workers.engines.oip.errors import (
    AnswerInvalidError,
    EndpointError,
    EndpointRefusedError,
    EndpointUnavailableError,
    EndpointUnreachableError,
    NoEndpointError,
)

log = structlog.get_logger(__name__)

T = TypeVar("T")


def outcome_of(error: BaseException) -> Outcome:
    """What an error says of its server. Only what no input can cause counts for certain."""
    if isinstance(error, EndpointUnreachableError):
        return Outcome(error.fault)
    if isinstance(error, AnswerInvalidError):
        return Outcome.RESET  # an input may have made it: counts once another server answers
    if isinstance(error, EndpointError):
        return Outcome.UNAVAILABLE
    return Outcome.BAD_INPUT if isinstance(error, EndpointRefusedError) else Outcome.CANCELLED


class Fleet:
    """Asks the best server, then another: within a retry budget, a slow one hedged.

    A lone server is asked in the caller's thread. Raises NoEndpointError without any.
    """

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        if not endpoints:
            raise NoEndpointError("engine.oip.urls names no server")
        self._endpoints = {endpoint.url: endpoint for endpoint in endpoints}
        self._facts: dict[str, Facts] = {}
        self.balancer = Balancer(self._endpoints)
        self._caller: Caller[object] | None = None
        if len(self._endpoints) > 1:
            self._caller = Caller(self.balancer, _nothing, outcome=outcome_of)

    def call(self, work: Callable[[Endpoint, Facts], T]) -> T:
        """The first good result of ``work``. Raises what it raised last."""
        if self._caller is None:
            [endpoint] = self._endpoints.values()
            return work(endpoint, self.facts(endpoint))
        found: list[T] = []

        def attempt(one: Attempt) -> object:
            endpoint = self._endpoints[one.target]
            found.append(work(endpoint, self.facts(endpoint)))
            return None

        try:
            self._caller.call(work=attempt)
        except BalancingError as error:
            raise EndpointUnavailableError(f"no server left to ask: {error.message}") from None
        return found[0]

    def facts(self, endpoint: Endpoint) -> Facts:
        """What the server said of itself when it was first asked. Raises EndpointError."""
        known = self._facts.get(endpoint.url)
        if known is None:
            known = self._facts[endpoint.url] = endpoint.facts()
        return known

    def each(self, ask: Callable[[Endpoint], T]) -> list[T]:
        """What each server answers; at least one must. Raises the last error otherwise."""
        answers: list[T] = []
        last: EndpointError | None = None
        for url, endpoint in self._endpoints.items():
            try:
                self._facts[url] = endpoint.facts()
                answers.append(ask(endpoint))
            except EndpointError as error:
                log.warning("server left out", url=url, code=error.code, reason=error.message)
                last = error
        if not answers and last is not None:
            raise last
        return answers

    def versions(self) -> tuple[str, ...]:
        """Name and version of each kind of server asked so far, sorted."""
        said = {f"{one.name or 'unnamed'} {one.version}".strip() for one in self._facts.values()}
        return tuple(sorted(said))

    def close(self) -> None:
        """Let attempts end, then let go of all connections."""
        if self._caller is not None:
            self._caller.close()
        for endpoint in self._endpoints.values():
            endpoint.close()


def _nothing(attempt: Attempt) -> object:
    raise AssertionError("each call brings its own work")
