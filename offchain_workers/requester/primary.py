# SPDX-License-Identifier: Apache-2.0
"""Whom to ask to go first: who says that it has the least to do, or whom a balancer picks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import httpx

from offchain_workers.balancing import Balancer, Lease, NoTargetError, Outcome, outcome_of_error
from offchain_workers.requester.errors import (
    AcceptanceForgedError,
    AcceptanceRefusedError,
    WorkerUnreachableError,
)
from offchain_workers.requester.workers import Member, talking


class PrimaryChoice(Protocol):
    """An order in which members are asked; it hears why one was passed over."""

    def order(self, members: Sequence[Member]) -> Iterator[Member]:
        """The members worth asking, the best first."""
        ...

    def refused(self, error: Exception) -> None:
        """The member that came last from ``order`` will not do."""
        ...


class ByHealth:
    """Looks at each member's endpoint once: ready, least loaded, cheapest."""

    def order(self, members: Sequence[Member]) -> Iterator[Member]:
        found = []
        for member in members:
            with talking(member) as worker:
                load = worker.load()
            if load is not None:
                found.append((load, member.price, member.index, member))
        return (entry[-1] for entry in sorted(found))

    def refused(self, error: Exception) -> None:
        """The next look is as good as this one."""


class ByBalance:
    """A balancer's picks, its targets being operators' addresses. For one job.

    ``lease`` is the primary's when the job is prepared: finish it when the job's end is known, or
    ``cancel`` when it is not posted. None when the balancer had nobody.
    """

    def __init__(self, balancer: Balancer) -> None:
        self.lease: Lease | None = None
        # Asking costs nobody much: the next member is asked whatever the share of retries is.
        self._request = balancer.request(is_budgeted=False)

    def order(self, members: Sequence[Member]) -> Iterator[Member]:
        by_operator = {member.operator: member for member in members}
        while True:
            try:
                self.lease = self._request.pick()
            except NoTargetError:
                self.lease = None
                return
            member = by_operator.get(self.lease.target)
            if member is None:  # the balancer knows others than this subnet
                self.lease.finish(Outcome.CANCELLED)
            else:
                yield member

    def cancel(self) -> None:
        """The job is not posted after all."""
        if self.lease is not None:
            self.lease.finish(Outcome.CANCELLED)

    def refused(self, error: Exception) -> None:
        if self.lease is not None:
            self.lease.finish(outcome_of_asking(error))


def outcome_of_asking(error: Exception) -> Outcome:
    """What it says about a worker that no acceptance came."""
    if isinstance(error, AcceptanceRefusedError):
        return error.outcome
    if isinstance(error.__cause__, httpx.HTTPError):
        return outcome_of_error(error.__cause__)
    # No endpoint, no JSON, a promise by somebody else: not the input's doing. Other errors may be.
    is_theirs = isinstance(error, (WorkerUnreachableError, AcceptanceForgedError))
    return Outcome.UNAVAILABLE if is_theirs else Outcome.CANCELLED
