# SPDX-License-Identifier: Apache-2.0
"""The toy plug-in and the registry: claims that stand, fall or are left alone; stake and seats."""

from __future__ import annotations

from functools import partial

from hypothesis.stateful import precondition, rule

from tests.contracts.parts import OPEN, PENDING
from tests.contracts.stateful import delivering, draws, money, staking, toying
from tests.contracts.stateful.books import Job, Offer
from tests.contracts.stateful.machine import KEEPER, Machine, Move
from tests.contracts.stateful.posting import Promise, Wish
from tests.contracts.stateful.setting import TOY
from tests.contracts.stateful.toying import ANSWER, WRONG
from tests.contracts.terms import NATIVE

# What is seldom possible is done as often as this where it is.
OFTEN = 8
EDGES = (
    "paid: single",
    "paid: pledge released",
    "paid: rescue, primary slashed",
    "pending: right claim, nobody owed",
    "pending: wrong claim, nobody owed",
    "pending: wrong claim, pledged",
    "final: ok",
    "refuted: re-opened",
    "refuted: refunded",
    "refuted: refunded, slashed",
    "revoked: an eager consumer heard",
    "refund: dead plug-in",
    "refund: expired, nobody owed",
    "refund: expired, slashed",
    "event: CallbackFailed",
    "event: JobReopened",
    "re-entry: post in claim",
    "re-entry: post in refute",
    "re-entry: refused",
    "subnet: formed",
    "refused: unbonding of reserved stake",
    "refused: acceptance forged",
    "refused: acceptance stale",
    "refused: acceptance of another job",
    "stake: withdrawn",
    "sync: seat kept",
    "sync: seat lost",
)


class PluginMachine(Machine):
    """Method `toy`, both tokens."""

    def chances(self, bond: int = 0) -> list[tuple[Job, str]]:
        """Jobs and members that may deliver them now, and can pay the bond."""
        able = delivering.chances(self.play, self.jobs(OPEN))
        return [pair for pair in able if self.play.books.free_stake(pair[1]) >= bond]

    def options(self, wish: Wish, promise: Promise) -> dict[str, list[Move]]:
        chances, bonded = range(len(self.chances())), range(len(self.chances(toying.BOND)))
        return super().options(wish, promise) | {
            "prove": [partial(self.prove, i, False) for i in chances],
            "claim": [partial(self.claim, i, wish.sized) for i in bonded],
            "claim late": [partial(self.claim_late, i, wish.eager) for i in bonded],
            "overtake": [partial(self.overtake, i, wish.sized) for i in range(len(self.owed()))],
            "refute": [partial(self.refute, i, i) for i in range(len(self.wrong()))],
            "refute late": [partial(self.refute_late, i) for i in range(len(self.unkept()))],
            "sync": [partial(self.sync, 0, native) for native in self.unbacked()],
            "finalise": [partial(self.finalise, i, i) for i in range(len(self.standing()))],
        }

    # ---- deliveries ----

    @precondition(lambda self: self.chances())
    @rule(pick=draws.pick, wrong=draws.rarely)
    def prove(self, pick: int, wrong: bool) -> None:
        chances = self.chances()
        job, operator = chances[pick % len(chances)]
        toying.deliver_paid(self.play, job, operator, WRONG if wrong else ANSWER)

    @precondition(lambda self: self.chances(toying.BOND))
    @rule(pick=draws.pick, wrong=draws.coin)
    def claim(self, pick: int, wrong: bool) -> None:
        chances = self.chances(toying.BOND)
        job, operator = chances[pick % len(chances)]
        toying.claim(self.play, job, operator, WRONG if wrong else ANSWER)

    @precondition(lambda self: self.chances(toying.BOND))
    @rule(pick=draws.pick, wrong=draws.coin)
    def claim_late(self, pick: int, wrong: bool) -> None:
        """By another than the primary, where one may."""
        chances = self.chances(toying.BOND)
        rescues = [(job, member) for job, member in chances if member != job.owing]
        job, operator = (rescues or chances)[pick % len(rescues or chances)]
        toying.claim(self.play, job, operator, WRONG if wrong else ANSWER)

    def owed(self) -> list[Job]:
        """Open jobs that their primary owes, with turns for others."""
        return [job for job in self.jobs(OPEN) if job.pledge and job.terms.turn_length]

    @precondition(lambda self: self.owed())
    @rule(pick=draws.pick, wrong=draws.coin)
    def overtake(self, pick: int, wrong: bool) -> None:
        """Wait for the primary's window to pass, and claim in its place if another can."""
        owed = self.owed()
        job = owed[pick % len(owed)]
        self.wait_until(job.posted_at + job.terms.turn_length)
        able = [pair for pair in self.chances(toying.BOND) if pair[0] is job]
        rescues = [member for _, member in able if member != job.owing]
        if rescues:
            toying.claim(self.play, job, rescues[pick % len(rescues)], WRONG if wrong else ANSWER)

    def provocations(self) -> list[Move]:
        moves = super().provocations()
        eager = self.heard_by_agent(self.jobs(OPEN), eager=True)
        for job, operator in delivering.chances(self.play, eager):
            if self.play.books.free_stake(operator) >= toying.BOND:
                moves += [partial(toying.claim, self.play, job, operator, WRONG)] * OFTEN
        for job in self.heard_by_agent(self.standing(), eager=False):
            moves += [partial(toying.finalise, self.play, job, KEEPER)] * OFTEN
        for job in self.heard_by_agent(self.wrong(), eager=True):
            moves += [partial(toying.refute, self.play, job, KEEPER)] * OFTEN
        return moves

    def mistakes(self, pick: int, wish: Wish, promise: Promise) -> list[Move]:
        moves = super().mistakes(pick, wish, promise)
        operator = self.operator(pick)
        moves.append(partial(staking.opt, self.play, operator, TOY, False))
        moves.append(partial(staking.withdraw_stake, self.play, operator, operator))
        moves.append(partial(staking.register, self.play, operator, 0))
        if self.play.books.jobs:
            job = self.any_job(pick, PENDING if wish.eager else OPEN)
            moves.append(partial(toying.deliver_paid, self.play, job, operator, ANSWER))
            moves.append(partial(toying.claim, self.play, job, operator, ANSWER))
            moves.append(partial(toying.finalise, self.play, job, operator))
            moves.append(partial(toying.refute, self.play, job, operator))
        bound = [name for name in self.play.books.operators if self.play.books.reserved(name)]
        if bound:
            moves.append(partial(self._unbond_reserved, bound[pick % len(bound)]))
        for job, member in self.closed(pick):
            moves.append(partial(toying.deliver_paid, self.play, job, member, ANSWER))
            moves.append(partial(toying.claim, self.play, job, member, ANSWER))
        return moves

    def _unbond_reserved(self, account: str) -> None:
        """All of the stake, pledges and locks included."""
        self._end_offers(account)
        self.play.edge("refused: unbonding of reserved stake")
        staking.unbond(self.play, account, self.play.books.purse.native("stake", account))

    def _end_offers(self, account: str, most: int = 2) -> None:
        for book in [self._book(True), self._book(False)][:most]:
            if self.play.books.operators[account].offer(book):
                staking.end_offer(self.play, account, book)

    # ---- what becomes of claims ----

    def standing(self) -> list[Job]:
        """Claims that stood long enough."""
        return [job for job in self.jobs(PENDING) if self.play.now >= job.final_at]

    def wrong(self) -> list[Job]:
        """Claims that can be refuted."""
        return [job for job in self.jobs(PENDING) if job.output == WRONG]

    @precondition(lambda self: self.standing())
    @rule(pick=draws.pick, account=draws.pick)
    def finalise(self, pick: int, account: int) -> None:
        standing = self.standing()
        job = standing[pick % len(standing)]
        toying.finalise(self.play, job, self.account(account))

    @precondition(lambda self: self.wrong())
    @rule(pick=draws.pick, account=draws.pick)
    def refute(self, pick: int, account: int) -> None:
        # Those that a primary still owes are kept for `refute_late`, mostly.
        wrong = [job for job in self.wrong() if not job.pledge or account % 4 == 0] or self.wrong()
        toying.refute(self.play, wrong[pick % len(wrong)], self.account(account))

    def unkept(self) -> list[Job]:
        """Wrong claims on jobs whose primary still owes them."""
        return [job for job in self.wrong() if job.pledge]

    @precondition(lambda self: self.unkept())
    @rule(pick=draws.pick)
    def refute_late(self, pick: int) -> None:
        """When it is too late for another delivery."""
        unkept = self.unkept()
        job = unkept[pick % len(unkept)]
        self.wait_until(job.terms.deliver_by + 1)
        toying.refute(self.play, job, self.account(pick))

    @precondition(lambda self: self.jobs(PENDING))
    @rule(pick=draws.pick, keeper=draws.pick)
    def abandon(self, pick: int, keeper: int) -> None:
        """The plug-in stays silent until it counts as dead."""
        job = self.any_job(pick, PENDING)
        self.wait_until(job.terms.resolve_by + delivering.WEEK + 1)
        delivering.refund(self.play, job, self.account(keeper))

    # ---- operators ----

    def operator(self, pick: int) -> str:
        names = list(self.play.books.operators)
        return names[pick % len(names)]

    @rule(pick=draws.pick, amount=draws.stake)
    def join(self, pick: int, amount: int) -> None:
        """Register, or add stake to one's own or another's."""
        newcomers = [a for a in self.play.stage.operators if a not in self.play.books.operators]
        if newcomers:
            staking.register(self.play, newcomers[0], amount)
        else:
            account = self.account(pick)
            staking.add_stake(self.play, account, self.operator(pick + 1), amount)

    @rule(pick=draws.pick, native=draws.coin, price=draws.price, tier=draws.tier)
    def offer(self, pick: int, native: bool, price: int, tier: int) -> None:
        """Opt in, if need be, and offer."""
        account = self.operator(pick)
        if self.play.stage.toy.address not in self.play.books.operators[account].opted and pick % 4:
            staking.opt(self.play, account, TOY, enter=True)
        staking.offer(self.play, account, self._book(native), Offer(price, tier, 0))

    def _book(self, native: bool) -> tuple[bytes, str]:
        return TOY, NATIVE if native else self.play.stage.token.address

    @rule(pick=draws.pick, native=draws.coin)
    def sync(self, pick: int, native: bool) -> None:
        """A seat whose stake has fallen, if there is one."""
        book, operators = self._book(native), self.play.books.operators
        seated = [name for name in operators if operators[name].offer(book)]
        names = [name for name in seated if self._short(name)] or seated or list(operators)
        staking.sync(self.play, self.account(pick), names[pick % len(names)], book)

    def unbacked(self) -> list[bool]:
        """The books (native or not) with a seat that its stake no longer covers."""
        short = [op for name, op in self.play.books.operators.items() if self._short(name)]
        return [
            native for native in (True, False) if any(op.offer(self._book(native)) for op in short)
        ]

    def _short(self, name: str) -> bool:
        """Whether an operator's stake no longer covers its offers."""
        books = self.play.books
        needed = books.operators[name].offers * self.play.stage.config.min_stake
        return books.purse.native("stake", name) < needed

    def spare(self) -> list[str]:
        """Operators with free stake; those without an offer, if there are any."""
        operators = self.play.books.operators
        spare = [name for name in operators if self.play.books.free_stake(name)]
        return [name for name in spare if not operators[name].offers] or spare

    @precondition(lambda self: self.spare())
    @rule(pick=draws.pick, percent=draws.percent)
    def unbond(self, pick: int, percent: int) -> None:
        """One that has offers ends them first, or forgets one."""
        spare = self.spare()
        account = spare[pick % len(spare)]
        self._end_offers(account, most=2 if pick % 4 else 1)
        free = self.play.books.free_stake(account)
        staking.unbond(self.play, account, free * percent // 100)

    def unbonding(self) -> list[str]:
        """Operators with stake on its way out."""
        books = self.play.books
        return [name for name in books.operators if books.purse.native("unbonding", name)]

    @precondition(lambda self: self.unbonding())
    @rule(pick=draws.pick, to=draws.pick)
    def withdraw_stake(self, pick: int, to: int) -> None:
        """Once it may."""
        names = self.unbonding()
        name = names[pick % len(names)]
        self.wait_until(self.play.books.operators[name].ready_at)
        staking.withdraw_stake(self.play, name, self.account(to))

    def rewarded(self) -> list[str]:
        """Accounts with credit."""
        pots = self.play.books.purse.pots.items()
        return sorted(str(pot[2]) for pot, coins in pots if pot[0] == "credit" and coins)

    @precondition(lambda self: self.rewarded())
    @rule(pick=draws.pick, to=draws.pick, burn=draws.rarely)
    def take_credit(self, pick: int, to: int, burn: bool) -> None:
        names = self.rewarded()
        money.withdraw_credit(self.play, names[pick % len(names)], self.account(to))
        if burn:
            money.burn(self.play, self.account(pick))
