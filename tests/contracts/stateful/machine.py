# SPDX-License-Identifier: Apache-2.0
"""What every run has: time, money, posts, refunds, subnets, a moody agent, the invariants."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import ClassVar

import boa
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.contracts.actors import wallet
from tests.contracts.parts import OPEN, PAID, PENDING, REFUNDED, SECONDS_A_BLOCK, Spec
from tests.contracts.stateful import delivering, draws, money, owner, plans, posting, staking
from tests.contracts.stateful.books import Job
from tests.contracts.stateful.compare import compare
from tests.contracts.stateful.drain import drain
from tests.contracts.stateful.play import HONEST, QUIET, REENTER, Plan, Play
from tests.contracts.stateful.posting import Promise, Wish
from tests.contracts.stateful.setting import Setting
from tests.contracts.stateful.tally import Tally
from tests.contracts.stateful.watch import Watch
from tests.contracts.terms import NATIVE, Terms

LEAP = 40 * 86_400
# Open jobs that a day's work begins with.
FEW = 4
Move = Callable[[], None]
KEEPER = wallet("keeper").address


class Machine(RuleBasedStateMachine):
    """The rules of both machines; `setting` and `tally` are set by the test that runs it."""

    setting: ClassVar[Setting]
    tally: ClassVar[Tally]

    def __init__(self) -> None:
        super().__init__()
        self._anchor = boa.env.anchor()
        self._anchor.__enter__()
        self.play: Play = self.setting.fresh(self.tally)
        self.seen: dict[bytes, tuple[object, ...]] = {}
        self.watch = Watch()

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self.play.stage.tally = Tally()
                drain(self.play, self.books_are_the_chain)
        finally:
            self._anchor.__exit__(None, None, None)

    @invariant()
    def books_are_the_chain(self) -> None:
        compare(self.play, self.seen)
        self.watch.look(self.play)

    # ---- what there is ----

    def jobs(self, *statuses: int) -> list[Job]:
        return [job for job in self.play.books.jobs.values() if job.status in statuses]

    def any_job(self, pick: int, *statuses: int) -> Job:
        """Preferably one of these statuses; there must be a job."""
        found = self.jobs(*statuses) or list(self.play.books.jobs.values())
        return found[-1 - pick % len(found)]

    def closed(self, pick: int) -> list[tuple[Job, str]]:
        """A closed job whose deadline has not passed, and a member to try it again."""
        now = self.play.now
        jobs = [job for job in self.jobs(PAID, REFUNDED) if now <= job.terms.deliver_by]
        members = jobs[pick % len(jobs)].subnet.members if jobs else []
        return [(jobs[pick % len(jobs)], members[pick % len(members)])] if jobs else []

    def account(self, pick: int) -> str:
        return self.play.stage.accounts[pick % len(self.play.stage.accounts)]

    def terms(self, wish: Wish) -> Terms:
        """Terms for a live subnet, where posts aren't paused; sees to both."""
        selector = self.setting.specs[0].selector
        if self.play.books.methods[selector].paused and wish.subnet % 4:
            owner.pause(self.play, owner.OWNER, selector, False)
        if not any(self.play.now < subnet.expires for subnet in self.play.subnets):
            staking.renew(self.play, KEEPER, self.setting.specs[wish.subnet % 4])
        live = [subnet for subnet in self.play.subnets if self.play.now < subnet.expires]
        live = live or self.play.subnets
        return posting.terms_of(self.play, wish, live[wish.subnet % len(live)])

    @property
    def retired(self) -> bool:
        return self.play.books.methods[self.setting.specs[0].selector].retired

    # ---- a day's work ----

    def options(self, wish: Wish, promise: Promise) -> dict[str, list[Move]]:
        """What can be done now that moves some job on; each machine adds its own."""
        few = len(self.jobs(OPEN)) < FEW and not self.retired
        return {
            "post": [partial(self.post, wish, HONEST)] if few else [],
            "post accepted": [partial(self.post_accepted, wish, promise)] if few else [],
            "wait": [partial(self.wait, "edge", i, 0) for i in range(FEW)],
            "refund": [partial(self.refund, i, i) for i in range(len(self.ripe()))],
        }

    # The library leaves rules out of a run at random: under three names, this one is seldom missed.

    @rule(pick=draws.pick, wish=draws.wish, promise=draws.promise)
    def work(self, pick: int, wish: Wish, promise: Promise) -> None:
        found = [moves for moves in self.options(wish, promise).values() if moves]
        moves = found[pick % len(found)]
        moves[pick // len(found) % len(moves)]()

    @rule(pick=draws.pick, wish=draws.wish, promise=draws.promise)
    def work_on(self, pick: int, wish: Wish, promise: Promise) -> None:
        self.work(pick, wish, promise)

    @rule(pick=draws.pick, wish=draws.wish, promise=draws.promise)
    def keep_working(self, pick: int, wish: Wish, promise: Promise) -> None:
        self.work(pick, wish, promise)

    # ---- time ----

    @rule(kind=draws.wait, pick=draws.pick, offset=draws.offset)
    def wait(self, kind: str, pick: int, offset: int) -> None:
        seconds = {"moment": SECONDS_A_BLOCK * (1 + pick % 3), "leap": LEAP}.get(kind, 0)
        if kind == "edge":
            seconds = self._to_an_edge(pick) + offset
        if kind == "epoch":
            length = self.play.stage.config.epoch_blocks
            seconds = (length - self.play.stage.chain.block % length) * SECONDS_A_BLOCK
        seconds = max(seconds, 1)
        self.play.stage.chain.roll(max(seconds // SECONDS_A_BLOCK, 1), seconds)

    def wait_until(self, moment: int) -> None:
        self.play.stage.chain.roll(1, max(moment - self.play.now, 1))

    def _to_an_edge(self, pick: int) -> int:
        """Seconds to a moment at which something begins or ends for a job."""
        edges = {0}
        for job in self.jobs(OPEN, PENDING):
            turns = range(1, 4) if job.status == OPEN else ()
            edges.update(job.posted_at + i * job.terms.turn_length for i in turns)
            edges |= {job.terms.deliver_by, job.final_at}
            if job.status == PENDING and pick % 4 == 0:
                edges.add(job.terms.resolve_by + delivering.WEEK)
        ahead = sorted(edge - self.play.now for edge in edges if edge > self.play.now)
        return ahead[pick % len(ahead)] if ahead else SECONDS_A_BLOCK

    # ---- money ----

    @rule(account=draws.pick, native=draws.coin, amount=draws.amount, mood=draws.token_mood)
    def deposit(self, account: int, native: bool, amount: int, mood: int) -> None:
        token = NATIVE if native else self.play.stage.token.address
        with self.play.token_in(mood):
            money.deposit(self.play, self.account(account), token, amount)

    def owned(self) -> list[tuple[str, str]]:
        """Token and owner of each balance in the market."""
        pots = self.play.books.purse.pots.items()
        return sorted((pot[1], str(pot[2])) for pot, n in pots if pot[0] == "balance" and n)

    @precondition(lambda self: self.owned())
    @rule(pick=draws.pick, percent=draws.percent, to=draws.pick, blacklisted=draws.rarely)
    def withdraw(self, pick: int, percent: int, to: int, blacklisted: bool) -> None:
        owned = self.owned()
        token, account = owned[pick % len(owned)]
        amount = self.play.books.purse.pots[("balance", token, account)] * percent // 100
        with self.play.token_in(1 if blacklisted else 0):
            money.withdraw(self.play, account, token, amount, self.account(to))

    # ---- posts, refunds ----

    @precondition(lambda self: not self.retired)
    @rule(wish=draws.wish, mood=draws.token_mood)
    def post(self, wish: Wish, mood: int) -> None:
        terms = self.terms(wish)
        with self.play.token_in(mood):
            posting.post(self.play, terms, wish.value_percent)

    @precondition(lambda self: not self.retired)
    @rule(wish=draws.wish, promise=draws.promise)
    def post_accepted(self, wish: Wish, promise: Promise) -> None:
        """Mostly with time enough for the primary's turn."""
        if wish.slack == 0:
            wish = wish._replace(window=max(wish.window, wish.turn_length))
        posting.post_accepted(self.play, self.terms(wish), wish.value_percent, promise)

    def ripe(self) -> list[Job]:
        """Jobs that a keeper can refund."""
        now, dead = self.play.now, delivering.WEEK
        expired = [job for job in self.jobs(OPEN) if now > job.terms.deliver_by]
        return expired + [job for job in self.jobs(PENDING) if now > job.terms.resolve_by + dead]

    @precondition(lambda self: self.ripe())
    @rule(pick=draws.pick, keeper=draws.pick)
    def refund(self, pick: int, keeper: int) -> None:
        ripe = self.ripe()
        delivering.refund(self.play, ripe[pick % len(ripe)], self.account(keeper))

    # ---- what is bound to fail, mostly ----

    def mistakes(self, pick: int, wish: Wish, promise: Promise) -> list[Move]:
        """Moves at the wrong time, by the wrong party or with flawed terms."""
        spec = self.setting.specs[pick % len(self.setting.specs)]
        window = max(wish.window, wish.turn_length)
        sound = wish._replace(flaw="", value_percent=100, window=window)
        moves: list[Move] = [
            lambda: posting.post(self.play, self.terms(wish), wish.value_percent),
            lambda: posting.post(self.play, self.terms(wish), wish.value_percent),
            lambda: posting.post_accepted(self.play, self.terms(sound), 100, promise),
            lambda: staking.request(self.play, KEEPER, spec),
            lambda: staking.form(self.play, KEEPER, spec),
        ]
        moves += [partial(self._promise_falsely, sound, flaw) for flaw in posting.FALSE]
        if self.play.books.jobs:
            job = self.any_job(pick)
            moves.append(lambda: delivering.refund(self.play, job, KEEPER))
            moves.append(lambda: posting.post(self.play, job.terms, 100))
        return moves

    def _promise_falsely(self, sound: Wish, flaw: str) -> None:
        posting.post_accepted(self.play, self.terms(sound), 100, Promise(posting.GWEI, flaw))

    @rule(pick=draws.pick, which=draws.pick, wish=draws.flawed_wish, promise=draws.false_promise)
    def mistake(self, pick: int, which: int, wish: Wish, promise: Promise) -> None:
        moves = self.mistakes(pick, wish, promise)
        moves[which % len(moves)]()

    # ---- subnets ----

    def ready_specs(self) -> list[Spec]:
        """Specs that may be requested or formed now."""
        return [
            spec
            for spec in self.setting.specs
            if staking.request_cost(self.play, spec) is not None
            or staking.why_not_form(self.play, spec) in (None, "not the time")
        ]

    @precondition(lambda self: self.ready_specs())
    @rule(pick=draws.pick)
    def form(self, pick: int) -> None:
        """Request what can be requested, wait for its seed, form it."""
        ready = self.ready_specs()
        staking.renew(self.play, KEEPER, ready[pick % len(ready)])

    # ---- the agent ----

    @rule(mood=draws.mood, kind=draws.plan, wish=draws.wish, native=draws.coin)
    def arm(self, mood: int, kind: str, wish: Wish, native: bool) -> None:
        """How the agent will take the next call back, from an answer or from a token."""
        self.play.set_mood(mood, self._plan(kind, wish, native) if mood == REENTER else None)

    @rule(pick=draws.pick, kind=draws.plan, wish=draws.wish, native=draws.coin)
    def provoke(self, pick: int, kind: str, wish: Wish, native: bool) -> None:
        """Arm the agent to re-enter, and at once make somebody call it."""
        self.play.set_mood(REENTER, self._plan(kind, wish, native))
        moves = self.provocations()
        moves[pick % len(moves)]()

    def provocations(self) -> list[Move]:
        """Moves that call the agent; each machine adds its own."""
        agent, token = self.play.stage.agent.address, self.play.stage.token.address
        moves: list[Move] = [partial(money.deposit, self.play, agent, token, 10**6)]
        for coin, account in self.owned()[:3]:
            amount = self.play.books.purse.pots[("balance", coin, account)]
            moves.append(partial(money.withdraw, self.play, account, coin, amount, agent))
        if self.play.books.purse.native("credit", KEEPER):
            moves.append(partial(money.withdraw_credit, self.play, KEEPER, agent))
        return moves

    def heard_by_agent(self, jobs: list[Job], *, eager: bool | None = None) -> list[Job]:
        """Jobs whose callback goes to the agent."""
        ours = [job for job in jobs if job.terms.callback_target == self.play.stage.agent.address]
        return [job for job in ours if eager is None or bool(job.terms.eager) == eager]

    def _plan(self, kind: str, wish: Wish, native: bool) -> Plan:
        token = NATIVE if native else self.play.stage.token.address
        if kind == "refund" and self.jobs(OPEN, PENDING):
            return plans.plan_refund(self.play, self.any_job(wish.subnet, OPEN, PENDING))
        if kind == "withdraw":
            return plans.plan_withdraw(self.play, token)
        if kind == "deposit":
            return plans.plan_deposit(self.play, token)
        if kind == "burn":
            return plans.plan_burn(self.play)
        if kind == "credit":
            return plans.plan_withdraw_credit(self.play)
        terms = self.terms(wish).with_(requester=self.play.stage.agent.address)
        return plans.plan_post(self.play, terms)

    def calm(self) -> None:
        if self.play.mood != QUIET:
            self.play.set_mood(QUIET)
