# SPDX-License-Identifier: Apache-2.0
"""Why an auditor does not do what an audit asks for. Rows in docs/reason-codes.md."""

from __future__ import annotations

from enum import Enum

from offchain_workers.errors import FusionError


class Reason(Enum):
    """``code``, and ``text`` for people; ``final`` when waiting can't change it."""

    UNPAID = ("MN-OPML-110", "the audit's pay does not cover its gas", False)
    FUND_EMPTY = ("MN-OPML-111", "the fund can't pay the audit", False)
    TRACE_PUBLIC = ("MN-OPML-112", "the claimant's trace is public before we committed", True)
    MACHINE_DIFFERS = ("MN-OPML-113", "this machine computes otherwise than the reference", True)
    WINDOW_NEAR = ("MN-OPML-114", "the claim is wrong, but its window is nearly over", True)
    BUDGET_SPENT = ("MN-OPML-115", "the claim is wrong, but the budget allows no bond", False)
    INPUT_HIDDEN = ("MN-OPML-116", "no endpoint shows the input that the claim carries", False)

    def __init__(self, code: str, text: str, final: bool) -> None:
        self.code = code
        self.text = text
        self.final = final


class AuditLeftError(FusionError):
    """A reason as an error."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason.code, f"{reason.text}: {detail}" if detail else reason.text)
        self.reason = reason
