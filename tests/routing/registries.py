# SPDX-License-Identifier: Apache-2.0
"""Random subnet registries on titanoboa: whatever operators may do before and after a request."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import boa
from eth_account.signers.local import LocalAccount

from offchain_workers.chain.events import Event
from tests.contracts.parts import ETHER, NONE, Spec
from tests.contracts.terms import NATIVE
from tests.contracts.unit.subnets.recorder import Recorder
from tests.contracts.world import World

OPERATORS = 40
GWEI = 10**9


@dataclass
class Pool:
    """Operators of all sizes that opted in to `none` and to a plug-in, and their registrations."""

    world: World
    recorder: Recorder
    plugin: str
    registrations: list[Event] = field(default_factory=list)

    @classmethod
    def create(cls) -> Pool:
        world = World.create()
        pool = cls(world, Recorder(world.subnets), str(boa.env.generate_address("plugin")))
        selector = world.add_method("method", pool.plugin)
        rng = random.Random("pool")
        with pool.recorder.running() as events:
            for i in range(OPERATORS):
                stake = int(ETHER * 10 ** rng.uniform(0.01, 2.9))
                operator = world.add_operator(f"pool {i}", stake)
                for method in (NONE, selector):
                    world.subnets.opt_in(method, sender=operator.address)
            pool.registrations = list(events)
        return pool


@dataclass
class Case:
    """One random registry: a model of its own, and moves drawn from `rng`."""

    pool: Pool
    rng: random.Random
    model_id: bytes
    tiers: int
    jobs: int = 0

    @classmethod
    def create(cls, pool: Pool, number: int) -> Case:
        rng = random.Random(number)
        model_id = pool.world.publish(f"case {number}")
        pool.world.roll(rng.randint(0, 400))
        # Every twentieth registry has one tier only, so that its book fills up.
        return cls(pool, rng, model_id, 1 if number % 20 == 0 else 3)

    @property
    def book_id(self) -> bytes:
        book: bytes = self.pool.world.subnets.book_id_of(self.model_id, NONE, NATIVE)
        return book

    def open_book(self) -> None:
        """The first offers: a few, or more than a row has seats."""
        many = OPERATORS if self.tiers == 1 else self.rng.randint(0, 16)
        for operator in self.rng.sample(self.pool.world.operators, many):
            self.offer(operator)

    def act(self, moves: int) -> None:
        """Any moves by any operators; those that the registry refuses are part of it."""
        acts: list[Callable[[LocalAccount], None]] = [
            self.offer,
            self.offer,
            self.end,
            self.top_up,
            self.slash,
            self.evict,
        ]
        for _ in range(moves):
            self.rng.choice(acts)(self.rng.choice(self.pool.world.operators))

    def offer(self, operator: LocalAccount) -> None:
        tier, region = self.rng.randrange(self.tiers), self.rng.randrange(3)
        price = self.rng.choice([0, 2**10, 2**10 + 1, self.rng.randrange(2**20)])
        arguments = (self.model_id, NONE, NATIVE, tier, region, price, 0)
        self._try("offer", *arguments, sender=operator.address)

    def end(self, operator: LocalAccount) -> None:
        self._try("end_offer", self.book_id, sender=operator.address)

    def top_up(self, operator: LocalAccount) -> None:
        self._add_stake(operator, self.rng.randint(1, 50) * ETHER)
        self._try("sync", operator.address, self.book_id)

    def slash(self, operator: LocalAccount) -> None:
        """Up to all stake, which leaves a weight of one or loses the seat."""
        self.jobs += 1
        job_id, stake = self.jobs.to_bytes(32, "big"), self._stake(operator)
        if stake:
            amount = self.rng.choice([1, stake // 3 + 1, stake])
            self._try("lock", job_id, operator.address, amount, sender=self.pool.plugin)
            self._try("slash", job_id, 0, self.pool.plugin, sender=self.pool.plugin)
        self._try("sync", operator.address, self.book_id)

    def evict(self, operator: LocalAccount) -> None:
        """Enough stake for a seat in any book."""
        self._add_stake(operator, 1_000 * ETHER)
        self.offer(operator)

    def spec(self) -> Spec:
        return self.pool.world.spec(
            k=self.rng.choice([1, 1, 2, 3, 5, 8]),
            model_id=self.model_id,
            tiers=1 if self.tiers == 1 else self.rng.randint(1, 7),
            region=self.rng.choice([0, 0, 1, 2]),
            band=self.rng.choice([10, 20, 96]),
        )

    def _stake(self, operator: LocalAccount) -> int:
        return int(self.pool.world.subnets.stake_of(operator.address))

    def _add_stake(self, operator: LocalAccount, amount: int) -> None:
        boa.env.set_balance(operator.address, amount)
        self._try("add_stake", operator.address, value=amount, sender=operator.address)

    def _try(
        self, method: str, *arguments: object, sender: str | None = None, value: int = 0
    ) -> None:
        """Call the registry; a refusal leaves no trace. Raw, as boa takes long to explain one."""
        registry = self.pool.world.subnets
        boa.env.execute_code(
            to_address=registry.address,
            sender=sender or self.pool.plugin,
            data=getattr(registry, method).prepare_calldata(*arguments),
            value=value,
        )
