# SPDX-License-Identifier: Apache-2.0
"""What the agent tries when it is called back in the middle of somebody's transaction."""

from __future__ import annotations

from tests.contracts.parts import PAID
from tests.contracts.stateful import posting
from tests.contracts.stateful.books import Job
from tests.contracts.stateful.chain import Call
from tests.contracts.stateful.delivering import closed, output_for, settle
from tests.contracts.stateful.money import BURN_ADDRESS
from tests.contracts.stateful.play import Plan, Play
from tests.contracts.terms import NATIVE, Terms

AMOUNT = 1_000


def plan_withdraw(play: Play, token: str) -> Plan:
    agent, purse = play.stage.agent.address, play.books.purse
    call = Call(agent, play.stage.market, "withdraw", (token, AMOUNT, agent))
    balance, own = ("balance", token, agent), ("wallet", token, agent)
    return Plan("withdraw", call, lambda: purse.move(balance, own, AMOUNT))


def plan_deposit(play: Play, token: str) -> Plan:
    agent, purse = play.stage.agent.address, play.books.purse
    value = AMOUNT if token == NATIVE else 0
    call = Call(agent, play.stage.market, "deposit", (token, AMOUNT), value)
    balance, own = ("balance", token, agent), ("wallet", token, agent)
    return Plan("deposit", call, lambda: purse.move(own, balance, AMOUNT))


def plan_post(play: Play, terms: Terms) -> Plan:
    """The next job, from within the answer to the last."""
    value = posting.value_for(play, terms, 100)
    call = Call(terms.requester, play.stage.market, "post", (terms.abi, b""), value)
    return Plan("post", call, lambda: play.books.post(posting.new_job(play, terms), value))


def plan_refund(play: Play, job: Job) -> Plan:
    agent = play.stage.agent.address
    call = Call(agent, play.stage.market, "refund", (job.terms.abi,))
    return Plan("refund", call, lambda: closed(play, job, agent))


def plan_deliver(play: Play, terms: Terms) -> Plan:
    """Deliver a job from within its own post."""
    agent, job = play.stage.agent.address, posting.new_job(play, terms)
    call = Call(agent, play.stage.market, "deliver", (terms.abi, agent, output_for(job), PAID, 0))
    return Plan("deliver", call, lambda: settle(play, play.books.jobs[job.id], agent))


def plan_burn(play: Play) -> Plan:
    agent, purse = play.stage.agent.address, play.books.purse
    call = Call(agent, play.stage.registry, "burn", ())

    def effect() -> None:
        slashed = ("burn", NATIVE, "")
        purse.move(slashed, ("wallet", NATIVE, BURN_ADDRESS), purse.pots[slashed])

    return Plan("burn", call, effect)


def plan_withdraw_credit(play: Play) -> Plan:
    agent, purse = play.stage.agent.address, play.books.purse
    call = Call(agent, play.stage.registry, "withdraw_credit", (agent,))

    def effect() -> None:
        credit = ("credit", NATIVE, agent)
        purse.move(credit, ("wallet", NATIVE, agent), purse.pots[credit])

    return Plan("withdraw credit", call, effect)
