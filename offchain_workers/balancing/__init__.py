# SPDX-License-Identifier: Apache-2.0
"""Who gets the next request: live load, breakers, retries, hedges, quotas. Knows no chain."""

from offchain_workers.balancing.balancer import Balancer
from offchain_workers.balancing.caller import Attempt, Caller
from offchain_workers.balancing.errors import (
    BalancingError,
    InFlightExceededError,
    NoTargetError,
    QuotaError,
    RateExceededError,
    RetryBudgetError,
    SpendExceededError,
)
from offchain_workers.balancing.leases import Lease, Request
from offchain_workers.balancing.outcome import Outcome, outcome_of_error, outcome_of_status
from offchain_workers.balancing.quotas import Limits, Quotas, Ticket
from offchain_workers.balancing.settings import Settings, TargetView

__all__ = [
    "Attempt",
    "Balancer",
    "BalancingError",
    "Caller",
    "InFlightExceededError",
    "Lease",
    "Limits",
    "NoTargetError",
    "Outcome",
    "QuotaError",
    "Quotas",
    "RateExceededError",
    "Request",
    "RetryBudgetError",
    "Settings",
    "SpendExceededError",
    "TargetView",
    "Ticket",
    "outcome_of_error",
    "outcome_of_status",
]
