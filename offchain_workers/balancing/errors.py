# SPDX-License-Identifier: Apache-2.0
"""Typed errors of balancing. Each code has a row in docs/errors.md."""

from __future__ import annotations

from typing import ClassVar

from offchain_workers.errors import FusionError


class BalancingError(FusionError):
    """Base of this part's errors: a subclass fixes the code."""

    CODE: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(self.CODE, message)


class NoTargetError(BalancingError):
    """Every target was tried already, is ejected, or there is none."""

    CODE = "MN-BAL-001"


class RetryBudgetError(BalancingError):
    """Another try is not allowed: retries would be too large a share of all requests."""

    CODE = "MN-BAL-002"


class QuotaError(BalancingError):
    """A key asked for more than it may (HTTP 429). ``retry_after``: seconds, at least 1 when told
    to a client; infinite when waiting does not help."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateExceededError(QuotaError):
    """Too many requests in a short time."""

    CODE = "MN-BAL-003"


class SpendExceededError(QuotaError):
    """The key's spending of the last hour leaves no room for this request."""

    CODE = "MN-BAL-004"


class InFlightExceededError(QuotaError):
    """Too many of the key's requests are running."""

    CODE = "MN-BAL-005"
