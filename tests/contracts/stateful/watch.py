# SPDX-License-Identifier: Apache-2.0
"""Rules that hold whatever the books say: read from the chain alone, step against step."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.contracts.parts import OPEN, PAID, PENDING, REFUNDED
from tests.contracts.stateful.books import Job
from tests.contracts.stateful.play import Play
from tests.contracts.stateful.toying import ANSWER
from tests.contracts.stateful.words import operator_of
from tests.contracts.terms import NATIVE

GWEI = 10**9
# From status to status within one transaction. Unknown to paid: delivered from within the post's
# own payment, by a token that calls its payer.
EDGES = {
    0: {OPEN, PAID},
    OPEN: {PENDING, PAID, REFUNDED},
    PENDING: {OPEN, PAID, REFUNDED},
}


@dataclass
class Fact:
    """A job as the chain has it."""

    status: int
    posted_at: int
    operator: str
    pledge: int
    bond: int


@dataclass
class Watch:
    """Keeps what was seen last, and what each operator ever had at stake."""

    facts: dict[bytes, Fact] = field(default_factory=dict)
    stakes: dict[str, int] = field(default_factory=dict)
    posted_at: dict[bytes, int] = field(default_factory=dict)
    delivered_at: dict[bytes, int] = field(default_factory=dict)
    closings: Counter[int] = field(default_factory=Counter)

    def look(self, play: Play) -> None:
        """After each step."""
        facts = {job.id: read_fact(play, job) for job in play.books.jobs.values()}
        registry = play.stage.registry
        stakes = {name: operator_of(registry, name).stake for name in play.books.operators}
        self._check_sums(play, facts)
        self._check_edges(facts)
        self._check_closings(play)
        self._check_slashes(play, facts, stakes)
        self.facts, self.stakes = facts, stakes
        play.log.clear()

    def _check_sums(self, play: Play, facts: dict[bytes, Fact]) -> None:
        """The market owes what it holds; an operator's reserve is its open pledges and bonds."""
        stage, jobs = play.stage, play.books.jobs
        live = [jobs[i] for i, fact in facts.items() if fact.status in (OPEN, PENDING)]
        for token in stage.tokens:
            escrow = sum(job.terms.max_price for job in live if job.terms.token == token)
            owed = sum(stage.market.read("_balances", token, a) for a in stage.accounts)
            owed += stage.market.read("fees", token) + escrow
            if token == NATIVE:
                assert stage.market.coins == owed + len(live) * stage.config.keeper_tip
            else:
                assert stage.token.read("balanceOf", stage.market.address) == owed
        reserved: Counter[str] = Counter()
        for job in play.books.jobs.values():
            reserved[job.owing] += facts[job.id].pledge
            reserved[facts[job.id].operator] += facts[job.id].bond
            assert (facts[job.id].bond > 0) == (facts[job.id].status == PENDING), "bond"
        for name in play.books.operators:
            found = operator_of(stage.registry, name)
            assert found.reserved == reserved[name] <= found.stake

    def _check_edges(self, facts: dict[bytes, Fact]) -> None:
        for job_id, fact in facts.items():
            before = self.facts[job_id].status if job_id in self.facts else 0
            self.posted_at.setdefault(job_id, fact.posted_at)
            assert fact.status == before or fact.status in EDGES.get(before, ()), "forbidden edge"

    def _check_closings(self, play: Play) -> None:
        """One close event a job, ever: none is paid twice, none both paid and refunded."""
        for event in (event for _, outcome in play.log for event in outcome.events):
            if event.name == "JobClosed":
                self.closings[event.topics[0]] += 1
                assert self.closings[event.topics[0]] == 1, "closed twice"

    def _check_slashes(self, play: Play, facts: dict[bytes, Fact], stakes: dict[str, int]) -> None:
        """Stake falls by own unbonding, by a pledge not kept, by a wrong claim; else never."""
        allowed: Counter[str] = Counter()
        refuted = [call.args[0] for call, _ in play.log if call.function == "refute"]
        for job_id, before in self.facts.items():
            job, after = play.books.jobs[job_id], facts[job_id]
            if before.status == OPEN and after.status in (PENDING, PAID):
                self.delivered_at[job_id] = play.now
            if before.pledge and not after.pledge and self._no_show(play, job, before, after):
                allowed[job.owing] += before.pledge
            wrong = job.terms.abi in refuted and job.output != ANSWER
            if before.bond and not after.bond and wrong:
                allowed[before.operator] += before.bond
        for call, _ in play.log:
            allowed[call.sender] += call.args[0] if call.function == "unbond" else 0
        for name, before_stake in self.stakes.items():
            fallen = before_stake - stakes[name]
            assert fallen <= 0 or fallen == allowed[name], f"{name} was slashed by {fallen}"

    def _no_show(self, play: Play, job: Job, before: Fact, after: Fact) -> bool:
        """Whether the primary may be slashed: another came after its window, or nobody in time."""
        if before.status == PENDING and any(call.function == "refund" for call, _ in play.log):
            return False  # the plug-in died
        if after.status == REFUNDED:
            return play.now > job.terms.deliver_by
        window = job.terms.turn_length
        late = self.delivered_at[job.id] - self.posted_at[job.id] >= window > 0
        return after.status == PAID and late and after.operator != job.owing


def read_fact(play: Play, job: Job) -> Fact:
    """As docs/protocol.md lays the words out."""
    word = play.stage.market.read("_jobs", job.id)
    names = {int(name, 16): name for name in play.stage.operators}
    live = word & 15 in (OPEN, PENDING)
    return Fact(
        status=word & 15,
        posted_at=word >> 58 & (2**38 - 1) if word & 15 == OPEN else 0,
        operator=names.get(word >> 96, ""),
        pledge=(word >> 18 & (2**40 - 1)) * GWEI if live else 0,
        bond=(word >> 58 & (2**38 - 1)) * 1_000 * GWEI if word & 15 == PENDING else 0,
    )
