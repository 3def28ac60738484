# SPDX-License-Identifier: Apache-2.0
"""The market under method `none`: deliveries, hooks from within a post's payment, and the owner."""

from __future__ import annotations

from functools import partial

from hypothesis.stateful import precondition, rule

from tests.contracts.parts import NONE, OPEN
from tests.contracts.stateful import delivering, draws, owner, plans, posting
from tests.contracts.stateful.books import Job
from tests.contracts.stateful.machine import KEEPER, Machine, Move
from tests.contracts.stateful.play import REENTER
from tests.contracts.stateful.posting import Promise, Wish
from tests.contracts.terms import NATIVE

# Jobs after which the method may be retired for good.
RETIRE_AFTER = 5
EDGES = (
    "paid: single",
    "paid: batch",
    "paid: native",
    "paid: token",
    "paid: pledge released",
    "paid: rescue, primary slashed",
    "refund: expired, nobody owed",
    "refund: expired, slashed",
    "event: CallbackFailed",
    "re-entry: refused",
    "re-entry: post in deliver",
    "re-entry: burn in deliver",
    "re-entry: post in withdraw",
    "re-entry: deliver in post",
    "subnet: formed",
    "refused: acceptance forged",
    "refused: acceptance stale",
    "refused: acceptance of another job",
    "owner: fee changed over open jobs",
    "owner: retired over open jobs",
)


class MarketMachine(Machine):
    """Method `none`, both tokens."""

    def chances(self) -> list[tuple[Job, str]]:
        """Jobs and members that may deliver them now."""
        return delivering.chances(self.play, self.jobs(OPEN))

    def options(self, wish: Wish, promise: Promise) -> dict[str, list[Move]]:
        chances = range(len(self.chances()))
        return super().options(wish, promise) | {
            "deliver": [partial(self.deliver, i) for i in chances],
            "rescue": [partial(self.deliver_rescue, i) for i in chances],
        }

    @precondition(lambda self: self.chances())
    @rule(pick=draws.pick)
    def deliver(self, pick: int) -> None:
        self._deliver(pick, self.chances())

    @precondition(lambda self: self.chances())
    @rule(pick=draws.pick)
    def deliver_rescue(self, pick: int) -> None:
        """By another than the primary, where one may."""
        chances = self.chances()
        rescues = [(job, member) for job, member in chances if member != job.owing]
        self._deliver(pick, rescues or chances)

    def _deliver(self, pick: int, chances: list[tuple[Job, str]]) -> None:
        job, operator = chances[pick % len(chances)]
        delivering.deliver(self.play, job, operator, delivering.output_for(job))

    def provocations(self) -> list[Move]:
        chances = delivering.chances(self.play, self.heard_by_agent(self.jobs(OPEN)))
        return super().provocations() + [partial(self._deliver, 0, [pair]) for pair in chances]

    def mistakes(self, pick: int, wish: Wish, promise: Promise) -> list[Move]:
        moves = super().mistakes(pick, wish, promise)
        if self.play.books.jobs:
            job, names = self.any_job(pick, OPEN), list(self.play.books.operators)
            operator = names[pick % len(names)]
            output = delivering.output_for(job, wrong_size=wish.eager)
            moves += [lambda: delivering.deliver(self.play, job, operator, output)] * 2
        for job_again, member in self.closed(pick):
            moves += [partial(self._deliver, 0, [(job_again, member)])] * 2
        return moves

    @rule(wish=draws.wish, kind=draws.inner)
    def post_with_hook(self, wish: Wish, kind: str) -> None:
        """The agent pays in a token that calls it before its coins move, and uses the moment."""
        token, agent = self.play.stage.token.address, self.play.stage.agent.address
        subnets = [s for s in self.play.subnets if s.spec.token == token]
        subnet = subnets[-1 - wish.subnet % len(subnets)]
        terms = posting.terms_of(self.play, wish, subnet).with_(requester=agent)
        if kind == "deliver" and agent in subnet.members:
            terms = terms.with_(primary=subnet.members.index(agent), callback_target=NATIVE)
            plan = plans.plan_deliver(self.play, terms)
        else:
            plan = self._plan(kind, wish._replace(subnet=wish.subnet + 1), native=False)
        self.play.set_mood(REENTER, plan)
        posting.post(self.play, terms, 100)
        self.calm()

    # ---- the owner ----

    @rule(
        action=draws.owner_action,
        fee=draws.fee,
        native=draws.coin,
        to=draws.pick,
        stranger=draws.rarely,
    )
    def owner_acts(self, action: str, fee: int, native: bool, to: int, stranger: bool) -> None:
        """Or somebody else tries to."""
        account: str = owner.OWNER
        if stranger:
            account = next(a for a in (self.account(to), KEEPER) if a != owner.OWNER)
        self._own(action, account, fee, native, to)

    def _own(self, action: str, account: str, fee: int, native: bool, to: int) -> None:
        paused = self.play.books.methods[NONE].paused
        if action == "fee":
            owner.set_fee(self.play, account, NONE, fee)
        elif action == "pause" or paused:
            owner.pause(self.play, account, NONE, not paused)
        elif action == "retire" and len(self.play.books.jobs) > RETIRE_AFTER:
            owner.retire(self.play, account, NONE)
        elif action == "repoint":
            owner.repoint(self.play, account, NONE)
        else:
            token = NATIVE if native else self.play.stage.token.address
            owner.collect_fees(self.play, account, token, self.account(to))
