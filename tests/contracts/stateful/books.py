# SPDX-License-Identifier: Apache-2.0
"""Who owns what: a double-entry ledger, jobs, operators and subnets, apart from the contracts.

Written from docs/protocol.md in plain objects; the contracts' words and slots are unknown here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.contracts.parts import OPEN, PAID, PENDING, REFUNDED, Spec
from tests.contracts.terms import NATIVE, Terms

BPS = 10_000

# A pot of coins: what it is, the token, and whose (an account, an operator, a job id or a spec).
Pot = tuple[str, str, str | bytes | Spec]
# Which contract holds the coins of a pot.
MARKET_POTS = ("balance", "fee", "escrow", "tip")
REGISTRY_POTS = ("stake", "unbonding", "credit", "burn", "formation")


class Purse:
    """Pots of coins; coins only ever move from one to another."""

    def __init__(self) -> None:
        self.pots: Counter[Pot] = Counter()

    def move(self, source: Pot, to: Pot, amount: int) -> None:
        assert amount >= 0
        assert source[1] == to[1], "another token"
        self.pots[source] -= amount
        self.pots[to] += amount

    def held(self, kinds: tuple[str, ...], token: str) -> int:
        """All coins of a token in pots of these kinds."""
        return sum(coins for pot, coins in self.pots.items() if pot[0] in kinds and pot[1] == token)

    def native(self, kind: str, owner: str | bytes | Spec) -> int:
        return self.pots[(kind, NATIVE, owner)]


@dataclass(frozen=True)
class Offer:
    """What an operator asks in one book."""

    price: int
    tier: int
    region: int


@dataclass
class Operator:
    """An operator's standing; its stake is in the purse."""

    ready_at: int = 0
    opted: set[str] = field(default_factory=set)
    # book -> (first epoch in force, offer or None), oldest first
    seats: dict[tuple[bytes, str], list[tuple[int, Offer | None]]] = field(default_factory=dict)

    def offer(self, book: tuple[bytes, str]) -> Offer | None:
        """The latest offer, in force or not yet."""
        versions = self.seats.get(book)
        return versions[-1][1] if versions else None

    def offer_in(self, book: tuple[bytes, str], epoch: int) -> Offer | None:
        """The offer in force in an epoch."""
        past = [offer for since, offer in self.seats.get(book, []) if since <= epoch]
        return past[-1] if past else None

    @property
    def offers(self) -> int:
        return sum(self.offer(book) is not None for book in self.seats)


@dataclass
class Subnet:
    """A formed subnet: members in turn order and their prices."""

    id: bytes
    spec: Spec
    members: list[str]
    prices: list[int]
    expires: int


@dataclass
class Request:
    """The latest request of a spec."""

    seed_at: int
    formed: Subnet | None = None


@dataclass
class Job:
    """A job as everyone can follow it."""

    id: bytes
    terms: Terms
    subnet: Subnet
    fee_bps: int
    posted_at: int
    pledge: int
    first: int
    status: int = OPEN
    claimant: int | None = None
    bond: int = 0
    # Of a pending claim: what was claimed, and when it can be final.
    output: bytes = b""
    final_at: int = 0

    @property
    def owing(self) -> str:
        """The primary: who owes the job when there is a pledge."""
        return self.subnet.members[self.terms.primary]

    @property
    def live(self) -> bool:
        return self.status in (OPEN, PENDING)

    def turn(self, now: int) -> int:
        """Members that may deliver, less one."""
        length = self.terms.turn_length
        return (now - self.posted_at) // length if length else len(self.subnet.members)

    def may_deliver(self, index: int, now: int) -> bool:
        size = len(self.subnet.members)
        return (index - self.first) % size <= self.turn(now)

    def view(self) -> tuple[int, str, int, int, int, int]:
        """What the market shows of it: status, operator, posted-at, pledge, first, bond."""
        operator = NATIVE if self.claimant is None else self.subnet.members[self.claimant]
        first = self.first if self.live else 0
        posted_at = self.posted_at if self.status == OPEN else 0
        return self.status, operator.lower(), posted_at, self.pledge, first, self.bond


@dataclass
class Method:
    """A verification method's standing."""

    plugin: str
    fee_bps: int
    max_n: int
    max_delay: int
    hedge: bool
    paused: bool = False
    retired: bool = False


class Books:
    """Everything that is owned or owed, and what each event does to it."""

    def __init__(self, keeper_tip: int, publisher: str, royalty_bps: int) -> None:
        self.purse = Purse()
        self.jobs: dict[bytes, Job] = {}
        self.operators: dict[str, Operator] = {}
        self.requests: dict[Spec, Request] = {}
        self.methods: dict[bytes, Method] = {}
        self._keeper_tip = keeper_tip
        self._publisher = publisher
        self._royalty_bps = royalty_bps

    # ---- what holds an operator's stake ----

    def reserved(self, operator: str) -> int:
        """Open pledges and open bonds of an operator."""
        pledges = sum(j.pledge for j in self.jobs.values() if j.live and j.owing == operator)
        return pledges + sum(
            job.bond
            for job in self.jobs.values()
            if job.claimant is not None and job.subnet.members[job.claimant] == operator
        )

    def free_stake(self, operator: str) -> int:
        return self.purse.native("stake", operator) - self.reserved(operator)

    # ---- a job's events ----

    def post(self, job: Job, value: int) -> None:
        """Native coin: the value sent first; tokens: the balance first."""
        terms, purse = job.terms, self.purse
        balance = ("balance", terms.token, terms.requester)
        native = ("balance", NATIVE, terms.requester)
        purse.move(("wallet", NATIVE, terms.requester), native, value)
        purse.move(native, ("tip", NATIVE, job.id), self._keeper_tip)
        if terms.token != NATIVE:
            short = max(terms.max_price - purse.pots[balance], 0)
            purse.move(("wallet", terms.token, terms.requester), balance, short)
        purse.move(balance, ("escrow", terms.token, job.id), terms.max_price)
        self.jobs[job.id] = job

    def claim(self, job: Job, index: int) -> None:
        """Delivered, payment to follow. A primary that came, or was kept out, owes no more."""
        job.status, job.claimant, job.first = PENDING, index, index + 1
        if index == job.terms.primary or job.terms.turn_length == 0:
            job.pledge = 0

    def settle(self, job: Job, index: int) -> None:
        """Pay everyone their part."""
        terms, purse = job.terms, self.purse
        operator = job.subnet.members[index]
        escrow = ("escrow", terms.token, job.id)
        price = min(terms.n * job.subnet.prices[index], terms.max_price)
        fee, royalty = price * job.fee_bps // BPS, price * self._royalty_bps // BPS
        assert fee * BPS <= price * terms.fee_cap
        assert royalty * BPS <= price * terms.royalty_cap
        purse.move(escrow, ("fee", terms.token, ""), fee)
        for account, amount in (
            (self._publisher, royalty),
            (terms.requester, terms.max_price - price),
            (operator, price - fee - royalty),
        ):
            purse.move(escrow, ("balance", terms.token, account), amount)
        purse.move(("tip", NATIVE, job.id), ("balance", NATIVE, operator), self._keeper_tip)
        late = index != terms.primary and terms.turn_length != 0
        self._end(job, PAID, slash=late, rescuer=operator)
        job.claimant = index

    def expire(self, job: Job, keeper: str, slash: bool = True) -> None:
        """Nobody delivered, the claim fell or its plug-in died: all back to the requester."""
        terms = job.terms
        escrow = ("escrow", terms.token, job.id)
        self.purse.move(escrow, ("balance", terms.token, terms.requester), terms.max_price)
        self.purse.move(("tip", NATIVE, job.id), ("balance", NATIVE, keeper), self._keeper_tip)
        self._end(job, REFUNDED, slash=slash)

    def reopen(self, job: Job, now: int) -> None:
        """A refuted claim before the deadline: the turns start after the one refuted."""
        job.status, job.claimant, job.posted_at = OPEN, None, now

    def _end(self, job: Job, status: int, slash: bool, rescuer: str | None = None) -> None:
        if slash:
            self.slash(job.owing, job.pledge, job.pledge // 2 if rescuer else 0, rescuer or "")
        job.status, job.pledge = status, 0

    def slash(self, operator: str, amount: int, reward: int, rewardee: str) -> None:
        stake = ("stake", NATIVE, operator)
        self.purse.move(stake, ("credit", NATIVE, rewardee), reward)
        self.purse.move(stake, ("burn", NATIVE, ""), amount - reward)

    # ---- subnets ----

    def candidates(self, spec: Spec, epoch: int) -> dict[str, int]:
        """Who may be drawn in an epoch, and at which price."""
        book = (spec.selector, spec.token)
        in_force = {name: op.offer_in(book, epoch) for name, op in self.operators.items()}
        return {
            name: offer.price
            for name, offer in in_force.items()
            if offer is not None
            and spec.tiers >> offer.tier & 1
            and spec.region in (0, offer.region)
            and offer.price <= 1 << spec.band
        }
