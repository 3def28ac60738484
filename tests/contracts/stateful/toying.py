# SPDX-License-Identifier: Apache-2.0
"""The toy plug-in: proofs, claims, and what becomes of claims."""

from __future__ import annotations

from eth_utils.crypto import keccak

from tests.contracts.parts import ETHER, PENDING
from tests.contracts.stateful.books import Job
from tests.contracts.stateful.chain import Call
from tests.contracts.stateful.delivering import settle, why_not_deliver
from tests.contracts.stateful.play import Play
from tests.contracts.terms import NATIVE

INPUT = b"input"
ANSWER = keccak(b"toy" + INPUT)
WRONG = keccak(b"wrong")
BOND = ETHER // 2
MAX_DELAY = 600


def deliver_paid(play: Play, job: Job, operator: str, answer: bytes) -> None:
    """With the proof: paid at once."""
    why_not = None if answer == ANSWER else "wrong answer"
    play.do(
        "prove",
        Call(operator, play.stage.toy, "deliver_paid", (job.terms.abi, answer, INPUT)),
        why_not or why_not_deliver(play, job, operator, answer),
        lambda _: settle(play, job, operator),
    )


def claim(play: Play, job: Job, operator: str, answer: bytes) -> None:
    """Without a proof, against a bond."""
    poor = play.books.free_stake(operator) < BOND and "stake not free"

    def effect(_: object) -> None:
        job.output, job.bond = answer, BOND
        job.final_at = play.now + MAX_DELAY
        kind = "right" if answer == ANSWER else "wrong"
        play.edge(f"pending: {kind} claim, {'pledged' if job.pledge else 'nobody owed'}")
        play.books.claim(job, job.subnet.members.index(operator))

    play.do(
        "claim",
        Call(operator, play.stage.toy, "claim", (job.terms.abi, answer)),
        why_not_deliver(play, job, operator, answer) or poor or None,
        effect,
    )


def finalise(play: Play, job: Job, account: str) -> None:
    """A claim that stood is paid, right or wrong."""
    stands = job.status == PENDING and play.now >= job.final_at

    def effect(_: object) -> None:
        assert job.claimant is not None
        play.edge("final: ok")
        job.bond = 0
        settle(play, job, job.subnet.members[job.claimant])

    play.do(
        "finalise",
        Call(account, play.stage.toy, "finalise", (job.terms.abi,)),
        None if stands else "no claim, or still refutable",
        effect,
    )


def refute(play: Play, job: Job, account: str) -> None:
    """A wrong claim costs its bond; a right one can't be refuted."""
    falls = job.status == PENDING and job.output != ANSWER
    play.do(
        "refute" if job.output != ANSWER else "refute a right claim",
        Call(account, play.stage.toy, "refute", (job.terms.abi, INPUT)),
        None if falls else "no claim, or right",
        lambda _: _fall(play, job, account),
    )


def _fall(play: Play, job: Job, account: str) -> None:
    assert job.claimant is not None
    claimant = job.subnet.members[job.claimant]
    play.books.slash(claimant, job.bond, job.bond // 2, account)
    job.bond = 0
    if job.terms.eager and job.terms.callback_target != NATIVE:
        play.edge("revoked: an eager consumer heard")
    if play.now <= job.terms.deliver_by:
        play.edge("refuted: re-opened")
        play.books.reopen(job, play.now)
        return
    play.edge("refuted: refunded, slashed" if job.pledge else "refuted: refunded")
    play.books.expire(job, job.terms.requester)
