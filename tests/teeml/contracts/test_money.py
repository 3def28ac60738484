# SPDX-License-Identifier: Apache-2.0
"""Random runs: whatever is done in whatever order, stake and escrow add up to the wei."""

from __future__ import annotations

from dataclasses import replace

import boa
import pytest
from boa import BoaError
from eth_account.signers.local import LocalAccount
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.contracts import ledger
from tests.contracts.parts import ETHER, OPEN, PAID, PENDING, by
from tests.contracts.terms import Terms
from tests.teeml.contracts.conftest import HOLD
from tests.teeml.contracts.market import BOND, PROOF_SECONDS, STAKE, Market

MEMBERS = st.integers(0, 2)
PICKS = st.integers(0, 7)
DAY = 86_400
MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("register"), MEMBERS, PICKS),
        st.tuples(st.just("post"), MEMBERS, PICKS),
        st.tuples(st.just("deliver"), MEMBERS, PICKS),
        st.tuples(st.just("finalise"), MEMBERS, PICKS),
        st.tuples(st.just("refute"), MEMBERS, PICKS),
        st.tuples(st.just("invalidate"), MEMBERS, PICKS),
        st.tuples(st.just("remove"), MEMBERS, PICKS),
        st.tuples(st.just("conflict"), MEMBERS, PICKS),
        st.tuples(st.just("release"), MEMBERS, PICKS),
        st.tuples(st.just("excuse"), MEMBERS, PICKS),
        st.tuples(st.just("wait"), MEMBERS, PICKS),
    ),
    min_size=8,
    max_size=24,
)
# So that no run is idle: a key on each of two machines, and two jobs, one of them owed.
PRELUDE = (("register", 0, 0), ("register", 1, 1), ("post", 0, 1), ("post", 0, 0))
WAITS = (1, 30, 61, HOLD + 1, 3_601, DAY, DAY + PROOF_SECONDS, 12)


class Run:
    """One run's moves; a move that the contracts refuse changes nothing."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.keys: list[tuple[int, LocalAccount]] = []
        self.jobs: list[Terms] = []
        self.conflicts: set[str] = set()
        self.paid: set[bytes] = set()
        self.removed: set[int] = set()

    def play(self, name: str, member: int, pick: int) -> None:
        try:
            getattr(self, name)(member, pick)
        except BoaError:
            return  # refused: the sums below must hold all the same
        finally:
            self.check()

    def check(self) -> None:
        market = self.market
        ledger.check(market.world)
        assert boa.env.get_balance(market.plugin.address) == 0
        lost = len(self.conflicts) * BOND
        stakes = [market.world.subnets.stake_of(m.address) for m in market.members]
        assert sum(stakes) == 3 * STAKE + 3 - lost
        for terms in self.jobs:
            job_id = market.world.domain.job_id(terms)
            status = market.world.job(terms).status
            assert job_id not in self.paid or status == PAID
            if status == PAID:
                self.paid.add(job_id)
            assert (market.plugin.claim_of(job_id)[1] != 0) == (status == PENDING)

    def key(self, pick: int) -> tuple[int, LocalAccount]:
        return self.keys[pick % len(self.keys)] if self.keys else (0, self.market.members[0])

    def job(self, pick: int) -> Terms:
        return self.jobs[pick % len(self.jobs)] if self.jobs else self.market.terms

    # ---- moves ----

    def register(self, member: int, pick: int) -> None:
        machine = replace(self.market.platform, label=f"machine {pick % 3}")
        name = f"key {len(self.keys)}"
        self.keys.append((member, self.market.register(member, name, machine)))

    def post(self, member: int, pick: int) -> None:
        world = self.market.world
        salt = (len(self.jobs) + 1).to_bytes(32, "big")
        soon = world.now + 7_200
        terms = self.market.terms.with_(salt=salt, deliver_by=soon, resolve_by=soon + DAY)
        if pick % 2:
            owing = self.market.members[0]
            world.post_accepted(terms, world.accept(terms, owing, ETHER // 10))
        else:
            world.post(terms)
        self.jobs.append(terms)

    def deliver(self, member: int, pick: int) -> None:
        signer, key = self.key(pick)
        self.market.deliver(self.job(pick + member), key, member=signer)

    def finalise(self, member: int, pick: int) -> None:
        self.market.plugin.finalise(self.job(pick).abi, b"")

    def refute(self, member: int, pick: int) -> None:
        self.market.plugin.refute(self.job(pick).abi)

    def invalidate(self, member: int, pick: int) -> None:
        key = self.key(pick)[1].address
        self.market.plugin.invalidate(self.market.policy.policy_id, key)

    def remove(self, member: int, pick: int) -> None:
        policy_id, key = self.market.policy.policy_id, self.key(pick)[1].address
        if pick < 5:
            platform = self.market.plugin.key_of(policy_id, key).platform
            with by("guardian"):
                self.market.plugin.remove_platform(policy_id, platform)
        else:
            with by("guardian"):
                self.market.plugin.remove_measurement(policy_id, 0)

    def conflict(self, member: int, pick: int) -> None:
        signer, key = self.key(pick)
        results = [self.market.result(self.job(pick), signer, text) for text in (b"1", b"2")]
        bond_id = self.market.plugin.bond_id(self.market.policy.policy_id, key.address)
        bonded = ledger.locked(self.market.world, bond_id)
        with by("stranger"):
            self.market.plugin.prove_conflict(
                self.market.policy.policy_id,
                key.address,
                [tuple(vars(result).values()) for result in results],
                [self.market.domain.sign(key, result) for result in results],
            )
        if bonded:
            self.conflicts.add(key.address)

    def release(self, member: int, pick: int) -> None:
        self.market.plugin.release(self.market.policy.policy_id, self.key(pick)[1].address)

    def excuse(self, member: int, pick: int) -> None:
        with boa.env.prank(self.market.members[member].address):
            self.market.plugin.excuse(self.job(pick).abi, self.key(pick)[1].address)

    def wait(self, member: int, pick: int) -> None:
        self.market.world.warp(self.market.world.now + WAITS[pick])

    def close(self) -> None:
        """Long after: every bond that was not slashed is free, every job closed."""
        world = self.market.world
        world.warp(world.now + 60 * DAY)
        for _, key in self.keys:
            if key.address not in self.conflicts:
                bond_id = self.market.plugin.bond_id(self.market.policy.policy_id, key.address)
                if ledger.locked(world, bond_id):
                    self.market.plugin.release(self.market.policy.policy_id, key.address)
        for terms in self.jobs:
            if world.job(terms).status in (OPEN, PENDING):
                world.refund(terms)
        ledger.check(world)
        assert sum(world.subnets.operators(m.address).reserved for m in self.market.members) == 0


def _runs(market: Market, moves: list[tuple[str, int, int]]) -> None:
    with boa.env.anchor():
        run = Run(replace(market, world=market.world.copy()))
        for move in (*PRELUDE, *moves):
            run.play(*move)
        run.close()


@pytest.fixture(scope="module", params=["paid at once", "held"])
def either(request: pytest.FixtureRequest) -> Market:
    name = "built" if request.param == "paid at once" else "built_with_hold"
    market: Market = request.getfixturevalue(name)
    return market


FEW = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@FEW
@given(moves=MOVES)
def test_coins_and_stake_add_up(either: Market, moves: list[tuple[str, int, int]]) -> None:
    _runs(either, moves)


@pytest.mark.slow
@settings(FEW, max_examples=300, phases=[Phase.generate, Phase.shrink])
@given(moves=MOVES)
def test_coins_and_stake_add_up_at_length(
    either: Market, moves: list[tuple[str, int, int]]
) -> None:
    _runs(either, moves)
