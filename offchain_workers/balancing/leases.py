# SPDX-License-Identifier: Apache-2.0
"""A request, its attempts, and who is to blame for those that failed."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from types import TracebackType
from typing import TYPE_CHECKING

from offchain_workers.balancing.outcome import SUSPECT, Outcome, outcome_of_error

if TYPE_CHECKING:
    from offchain_workers.balancing.balancer import Balancer


class Lease:
    """One attempt at one target. ``finish`` it once, whatever happens; later calls do nothing.

    As a context: ok, or what ``classify`` says of the exception (those of httpx, by default).
    """

    def __init__(
        self, balancer: Balancer, target: str, number: int, begun: float, request: Request
    ) -> None:
        self.target = target
        self.number = number
        self.begun = begun
        self.request = request
        self.classify: Callable[[BaseException], Outcome] = outcome_of_error
        self._balancer = balancer
        self._is_open = True

    def close(self) -> bool:
        """Whether this was the first time. Called under the balancer's lock."""
        was_open, self._is_open = self._is_open, False
        return was_open

    def finish(self, outcome: Outcome, confirmed: bool = False) -> None:
        """``confirmed``: the input is known to be good, so a timeout or reset is a failure."""
        self._balancer.finish(self, outcome, confirmed)

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.finish(Outcome.OK if error is None else self.classify(error))


class Request:
    """One request and its attempts, each at another target.

    A timeout, a reset or a refusal may be the input's doing. A target is in doubt for it once
    another one has answered the same input; if none does, nobody is. ``key`` is the same for all
    attempts: hand it on as the idempotency key.

    ``is_budgeted`` False: retries are as cheap as not to be counted.
    """

    def __init__(
        self, balancer: Balancer, key: str | None = None, is_budgeted: bool = True
    ) -> None:
        self.is_budgeted = is_budgeted
        self.key = key or uuid.uuid4().hex
        self.tried: list[str] = []
        self.is_answered = False
        self._suspects: list[str] = []
        self._balancer = balancer

    def pick(self, exclude: Collection[str] = ()) -> Lease:
        """The first attempt, or a retry within the budget.

        Raises NoTargetError, RetryBudgetError.
        """
        return self._balancer.attempt(self, exclude)

    def hedge(self) -> Lease | None:
        """A second attempt beside a slow first; None beyond the budget, or with nobody left."""
        return self._balancer.hedge(self)

    def second_opinion(self) -> Lease | None:
        """Another attempt after a refusal; None beyond the budget, or with nobody left."""
        return self._balancer.second_opinion(self)

    def answered_elsewhere(self) -> None:
        """Somebody who was not asked by this request has answered its input."""
        self.is_answered = True

    def doubtful(self, target: str, outcome: Outcome) -> list[str]:
        """Who is in doubt, now that ``target`` ended so. Called under the balancer's lock."""
        if outcome is Outcome.OK:
            self.is_answered = True
            found, self._suspects = self._suspects, []
            return found
        # Where retries are free a refusal does no harm; it may be a matter of terms.
        is_harmless = outcome is Outcome.BAD_INPUT and not self.is_budgeted
        if outcome not in SUSPECT or is_harmless:
            return []
        if self.is_answered:
            return [target]
        self._suspects.append(target)
        return []
