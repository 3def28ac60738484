# SPDX-License-Identifier: Apache-2.0
"""Why a watcher leaves a claim alone. Rows in docs/reason-codes.md."""

from __future__ import annotations

from enum import Enum

from offchain_workers.errors import FusionError


class Reason(Enum):
    """``code``, and ``text`` for people; ``final`` when waiting can't change it."""

    NOT_IN_SHARE = ("MN-OPML-080", "not in the share that is run again here", True)
    MODEL_NOT_WATCHED = ("MN-OPML-081", "the model is not watched here", True)
    MODEL_UNAVAILABLE = ("MN-OPML-082", "the model's files can't be fetched", False)
    MODEL_REFUSED = ("MN-OPML-083", "the model fails its certificate", True)
    INPUT_UNAVAILABLE = ("MN-OPML-084", "the input can't be fetched", False)
    INPUT_WRONG = ("MN-OPML-085", "the input is not one that the claim can be about", True)
    TOO_LATE = ("MN-OPML-086", "the window is nearly over", True)
    BUDGET_SPENT = ("MN-OPML-087", "the budget for bonds does not allow another game", False)
    ENDPOINTS_DISAGREE = ("MN-OPML-088", "RPC endpoints do not show the same claim", False)
    ENDPOINT_MISSING = (
        "MN-OPML-089",
        "too few RPC endpoints answer",
        False,
    )
    CLAIM_GONE = ("MN-OPML-090", "the claim no longer stands", True)
    CHAIN_UNREACHABLE = ("MN-OPML-091", "the chain can't be asked right now", False)
    RUN_FAILED = ("MN-OPML-092", "the model failed on this input", False)
    DRY_RUN = ("MN-OPML-093", "the answer is wrong, but this is a dry run", True)
    REFUSED_AGAIN = ("MN-OPML-094", "the chain refused the move again and again", True)
    GAME_LOST = ("MN-OPML-095", "a game against this claim ended without a win", True)
    NOTHING_DIFFERS = ("MN-OPML-099", "the claimant's trace is the same as ours", True)

    MODEL_UNVOUCHED = ("MN-OPML-101", "nobody vouches for the compiled model", False)
    REFERENCE_DIFFERS = (
        "MN-OPML-102",
        "the model's files compute otherwise than its program, though somebody vouches for them",
        True,
    )
    TRACE_DIFFERS = ("MN-OPML-100", "the model and its trace answer differently here", True)

    def __init__(self, code: str, text: str, final: bool) -> None:
        self.code = code
        self.text = text
        self.final = final


class LeftError(FusionError):
    """A reason as an error, for the code that finds it deep inside."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason.code, f"{reason.text}: {detail}" if detail else reason.text)
        self.reason = reason
