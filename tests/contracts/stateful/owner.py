# SPDX-License-Identifier: Apache-2.0
"""The owner's powers, and strangers who try them."""

from __future__ import annotations

from tests.contracts.actors import wallet
from tests.contracts.stateful.books import Method
from tests.contracts.stateful.chain import Call
from tests.contracts.stateful.play import Play

OWNER = wallet("owner").address
MAX_FEE_BPS = 1_000


def why_not(account: str) -> str | None:
    return None if account == OWNER else "not the owner"


def set_fee(play: Play, account: str, selector: bytes, fee_bps: int) -> None:
    method = play.books.methods[selector]
    play.do(
        "set fee",
        Call(account, play.stage.market, "set_fee", (selector, fee_bps)),
        why_not(account) or ("fee too high" if fee_bps > MAX_FEE_BPS else None),
        lambda _: _set_fee(play, method, fee_bps),
    )


def _set_fee(play: Play, method: Method, fee_bps: int) -> None:
    """Later posts only: a job has the fee of its post."""
    if any(job.live and job.fee_bps != fee_bps for job in play.books.jobs.values()):
        play.edge("owner: fee changed over open jobs")
    method.fee_bps = fee_bps


def pause(play: Play, account: str, selector: bytes, paused: bool) -> None:
    method = play.books.methods[selector]
    play.do(
        "pause",
        Call(account, play.stage.market, "pause_posts", (selector, paused)),
        why_not(account),
        lambda _: setattr(method, "paused", paused),
    )


def retire(play: Play, account: str, selector: bytes) -> None:
    method = play.books.methods[selector]
    play.do(
        "retire",
        Call(account, play.stage.market, "retire_method", (selector,)),
        why_not(account),
        lambda _: _retire(play, method),
    )


def _retire(play: Play, method: Method) -> None:
    if any(job.live for job in play.books.jobs.values()):
        play.edge("owner: retired over open jobs")
    method.retired = True


def collect_fees(play: Play, account: str, token: str, to: str) -> None:
    purse = play.books.purse
    amount = purse.pots[("fee", token, "")]
    play.do(
        "collect fees",
        Call(account, play.stage.market, "collect_fees", (token, to)),
        why_not(account),
        lambda _: purse.move(("fee", token, ""), ("wallet", token, to), amount),
        shaky=to == play.stage.agent.address,
    )


def repoint(play: Play, account: str, selector: bytes) -> None:
    """A selector is used once and for all: not even the owner gives it another plug-in."""
    args = (selector, account, 1, 0, 0, True)
    play.do(
        "add method again",
        Call(account, play.stage.market, "add_method", args),
        why_not(account) or "selector is taken",
        lambda _: None,
    )
