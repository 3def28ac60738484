# SPDX-License-Identifier: Apache-2.0
"""Deliveries of method `none`, and the keeper's refunds."""

from __future__ import annotations

from tests.contracts.parts import OPEN, PAID, PENDING
from tests.contracts.stateful.books import Job
from tests.contracts.stateful.chain import Call
from tests.contracts.stateful.play import Play

WEEK = 7 * 86_400


def why_not_deliver(play: Play, job: Job, operator: str, output: bytes) -> str | None:
    """Why this operator can't deliver now, by any verb."""
    if job.status != OPEN:
        return "not open"
    if play.now > job.terms.deliver_by:
        return "too late"
    if play.books.methods[job.terms.selector].plugin not in play.books.operators[operator].opted:
        return "not opted in"
    if operator not in job.subnet.members:
        return "not a member"
    if not job.may_deliver(job.subnet.members.index(operator), play.now):
        return "not its turn"
    size = job.terms.n * job.terms.item_size
    return "output length" if size and len(output) != size else None


def output_for(job: Job, wrong_size: bool = False) -> bytes:
    """Bytes as the terms want them."""
    size = job.terms.n * job.terms.item_size
    return bytes(size + 1) if wrong_size else b"\x07" * (size or 11)


def chances(play: Play, jobs: list[Job]) -> list[tuple[Job, str]]:
    """Every member that may deliver one of the jobs now."""
    return [
        (job, member)
        for job in jobs
        for member in job.subnet.members
        if why_not_deliver(play, job, member, output_for(job)) is None
    ]


def deliver(play: Play, job: Job, operator: str, output: bytes) -> None:
    """Method `none`: paid at once."""
    play.do(
        "deliver",
        Call(operator, play.stage.market, "deliver", (job.terms.abi, operator, output, PAID, 0)),
        why_not_deliver(play, job, operator, output),
        lambda _: settle(play, job, operator),
    )


def settle(play: Play, job: Job, operator: str) -> None:
    """The books' side of a payment, and what is worth counting about it."""
    index = job.subnet.members.index(operator)
    if job.pledge:
        rescued = index != job.terms.primary and job.terms.turn_length
        play.edge("paid: rescue, primary slashed" if rescued else "paid: pledge released")
    play.edge("paid: batch" if job.terms.n > 1 else "paid: single")
    play.edge(f"paid: {'native' if job.terms.token == play.stage.tokens[0] else 'token'}")
    play.books.settle(job, index)


def refund(play: Play, job: Job, keeper: str) -> None:
    """Expired or left by its plug-in."""
    expired = job.status == OPEN and play.now > job.terms.deliver_by
    dead = job.status == PENDING and play.now > job.terms.resolve_by + WEEK
    play.do(
        "refund",
        Call(keeper, play.stage.market, "refund", (job.terms.abi,)),
        None if expired or dead else "not to be refunded",
        lambda _: closed(play, job, keeper),
    )


def closed(play: Play, job: Job, keeper: str) -> None:
    """The books' side of a refund."""
    dead = job.status == PENDING
    if dead:
        play.edge("refund: dead plug-in")
    else:
        play.edge("refund: expired, slashed" if job.pledge else "refund: expired, nobody owed")
    job.bond = 0 if dead else job.bond
    play.books.expire(job, keeper, slash=not dead)
