# SPDX-License-Identifier: Apache-2.0
"""One run: the chain and the books; every action goes to both and must come out alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.contracts.actors import wallet
from tests.contracts.parts import Config
from tests.contracts.stateful.books import Books, Subnet
from tests.contracts.stateful.chain import Call, Chain, Contract, Outcome
from tests.contracts.stateful.tally import Tally
from tests.contracts.terms import NATIVE, Domain

REQUESTERS = ("requester", "gateway")
OPERATORS = tuple(f"operator {i}" for i in range(5))
PEOPLE = (*REQUESTERS, *OPERATORS, "publisher", "keeper", "challenger", "owner")

QUIET, REVERT, BURN_GAS, REENTER = range(4)  # the agent's moods
# The token's moods; in none but the first does it pay the market what it should.
HONEST, TOKEN_REVERTS, TOKEN_ANSWERS_FALSE, KEEPS_A_PART, MOVES_NOTHING = range(5)
UNLOCKED = ("post", "post_accepted")


@dataclass
class Plan:
    """What the agent does when it is called back, and what that does to the books."""

    name: str
    call: Call
    effect: Callable[[], None]


@dataclass
class Stage:
    """What is deployed: the same for every run."""

    chain: Chain
    config: Config
    domain: Domain
    market: Contract
    registry: Contract
    token: Contract
    agent: Contract
    toy: Contract
    model_id: bytes
    artifact_id: bytes
    royalty_bps: int
    # (method, token) -> the registry's id of the book
    books: dict[tuple[bytes, str], bytes] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)

    @property
    def accounts(self) -> list[str]:
        """Everyone who may own coins."""
        return [wallet(name).address for name in PEOPLE] + [self.agent.address]

    @property
    def tokens(self) -> tuple[str, str]:
        return NATIVE, self.token.address

    @property
    def operators(self) -> list[str]:
        """Everyone who may be an operator; the agent has no key and so can't accept."""
        return [wallet(name).address for name in OPERATORS] + [self.agent.address]

    @property
    def requesters(self) -> list[str]:
        people = [wallet(name).address for name in REQUESTERS]
        return [*people, self.agent.address, wallet("operator 0").address]


@dataclass
class Play:
    """A run on a stage."""

    stage: Stage
    books: Books
    subnets: list[Subnet] = field(default_factory=list)
    plan: Plan | None = None
    salt: int = 0
    token_mood: int = 0
    # What went through in this step, for the invariants that look at single steps.
    log: list[tuple[Call, Outcome]] = field(default_factory=list)

    @property
    def now(self) -> int:
        return self.stage.chain.now

    @property
    def epoch(self) -> int:
        return self.stage.chain.block // self.stage.config.epoch_blocks

    def edge(self, name: str) -> None:
        self.stage.tally.edges[name] += 1

    @property
    def token_refuses(self) -> bool:
        return self.token_mood != HONEST

    @contextmanager
    def token_in(self, mood: int) -> Iterator[None]:
        """Let the token fail in some way for a while."""
        self._set_token_mood(mood)
        yield
        self._set_token_mood(HONEST)

    def _set_token_mood(self, mood: int) -> None:
        token = self.stage.token
        if mood != self.token_mood:
            assert self.stage.chain.send(Call(NATIVE, token, "set_mood", (mood,))).ok
            self.token_mood = mood

    @property
    def mood(self) -> int:
        return self.stage.agent.read("mood")

    def set_mood(self, mood: int, plan: Plan | None = None) -> None:
        """Arm the agent (its own affair: no part of what is tested)."""
        self.plan = plan
        args = (
            (plan.call.contract.address, plan.call.data, plan.call.value)
            if plan
            else (NATIVE, b"", 0)
        )
        agent = self.stage.agent
        assert self.stage.chain.send(Call(agent.address, agent, "plan", (mood, *args))).ok

    def do(
        self,
        name: str,
        call: Call,
        why_not: str | None,
        effect: Callable[[Outcome], None],
        shaky: bool = False,
    ) -> Outcome:
        """Send it; the chain refuses just when the books do; what goes through goes into the books.

        `shaky`: the agent is called back where its failure, or what it does, can undo the whole.
        """
        agent, mood = self.stage.agent, self.mood
        entries = agent.read("entries")
        outcome = self.stage.chain.send(call)
        if shaky and mood in (REVERT, BURN_GAS):
            why_not = why_not or "the agent refuses"
        gamble = shaky and mood == REENTER
        if not gamble:
            assert outcome.ok == (why_not is None), (
                f"{name}: books {why_not}, chain {outcome.error}"
            )
        if outcome.ok:
            effect(outcome)
            self.log.append((call, outcome))
        if gamble and not outcome.ok and why_not is None:
            self.edge("re-entry: undone with the whole")
        else:
            self._count(name, outcome)
        if agent.read("entries") != entries:
            self._re_entered(call)
        elif mood == REENTER and self.mood == QUIET:
            self.edge("re-entry: refused")
        return outcome

    def _re_entered(self, outer: Call) -> None:
        assert self.plan is not None
        inner = self.plan.call.contract
        stage = self.stage
        market_locked = outer.contract is not stage.registry and outer.function not in UNLOCKED
        open_doors = inner is stage.market and self.plan.call.function in UNLOCKED
        assert open_doors or not (inner is stage.market and market_locked), "the market let it in"
        assert not (inner is stage.registry and outer.contract is stage.registry)
        self.edge(f"re-entry: {self.plan.name} in {outer.function}")
        self.plan.effect()

    def _count(self, name: str, outcome: Outcome) -> None:
        (self.stage.tally.done if outcome.ok else self.stage.tally.refused)[name] += 1
        for event in outcome.events:
            if event.name in ("CallbackFailed", "JobReopened"):
                self.edge(f"event: {event.name}")
