# SPDX-License-Identifier: Apache-2.0
"""Typed errors of canaries. Each code has a row in docs/errors.md."""

from __future__ import annotations

from offchain_workers.errors import FusionError


class ObservationsInvalidError(FusionError):
    """Observations that can't be read, or that their observer did not sign."""

    def __init__(self, message: str) -> None:
        super().__init__("MN-BAL-006", message)


class ObservationsUnreachableError(FusionError):
    """A source of observations that does not answer as one."""

    def __init__(self, message: str) -> None:
        super().__init__("MN-BAL-007", message)
