# SPDX-License-Identifier: Apache-2.0
"""Known answers and timed loads hidden in traffic: what providers really do. Moves no stake."""

from offchain_workers.canaries.agreement import Agreement, agree, same_answer
from offchain_workers.canaries.claims import Claim, Finding, Yardstick
from offchain_workers.canaries.errors import (
    ObservationsInvalidError,
    ObservationsUnreachableError,
)
from offchain_workers.canaries.inputs import Inputs
from offchain_workers.canaries.observations import (
    Observations,
    Observed,
    observed,
    open_observations,
    sign_observations,
    weigh,
)
from offchain_workers.canaries.patrol import Patrol
from offchain_workers.canaries.tally import Tally, Verdict

__all__ = [
    "Agreement",
    "Claim",
    "Finding",
    "Inputs",
    "Observations",
    "ObservationsInvalidError",
    "ObservationsUnreachableError",
    "Observed",
    "Patrol",
    "Tally",
    "Verdict",
    "Yardstick",
    "agree",
    "observed",
    "open_observations",
    "same_answer",
    "sign_observations",
    "weigh",
]
