# SPDX-License-Identifier: Apache-2.0
"""Users' own jobs as canaries: found out, kept away, given another chance; and told to others."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from offchain_workers.canaries import open_observations
from offchain_workers.canaries.board import fetch
from offchain_workers.chain.contracts.subnets import SubnetInfo
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.gateway.leases import Leases
from offchain_workers.gateway.shelf import Shelf
from offchain_workers.gateway.spotchecks import PAROLE, Conduct, SpotChecks
from offchain_workers.gateway.tables import JobRow, State
from offchain_workers.localnet import Localnet
from offchain_workers.storage import LocalStore
from tests.balancing.clock import Clock
from tests.gateway.world import World

SECONDS = 60.0
PAUSE = 100.0


@dataclass
class Bench:
    """Spot checks over the market's real models, and answers as the test likes them."""

    checks: SpotChecks
    leases: Leases
    subnet: SubnetInfo
    clock: Clock
    answered: JobRow
    count: int = 0

    def hear(self, operator: str, right: bool = True) -> None:
        """An answer, looked at to the end."""
        self.count += 1
        output = bytes(self.answered.output or b"")
        row = JobRow(
            job_id=self.count.to_bytes(32, "big"),
            terms_json=self.answered.terms_json,
            input_cid=self.answered.input_cid,
            state=State.PAID,
            operator=operator,
            output=output if right else output[::-1],
        )
        self.checks.hear(row)
        self.checks._pool.submit(lambda: None).result(SECONDS)

    def gets_jobs(self, operator: str) -> bool:
        self.checks.turned()
        return operator in self.leases.balancer(self.subnet).order()


@pytest.fixture
def bench(shared: World, tmp_path: Path) -> Iterator[Bench]:
    net = shared.net
    job = shared.await_final(shared.post(count=2)["id"])
    samples = net.models["digits"][1].samples
    store = LocalStore(tmp_path / "blobs")
    answered = JobRow(
        terms_json=job["terms"],
        input_cid=store.put(samples[0][1] + samples[1][1]),
        output=bytes.fromhex(job["output"][2:]),
    )
    shelf = Shelf(net.pool, net.network, store, True, None)
    leases, clock = Leases(), Clock()
    conduct = Conduct(share=1.0, pause=PAUSE)
    engine = EmbeddedEngine()
    checks = SpotChecks(conduct, shelf, store, leases, engine, 1 << 30, clock, random.Random(1))
    subnet = net.network.subnets.subnet(bytes.fromhex(job["subnet"][2:]))
    assert subnet is not None
    yield Bench(checks, leases, subnet, clock, answered)
    checks.close()


def test_a_wrong_answer_costs_all_jobs_for_a_while(bench: Bench) -> None:
    honest, liar = (operator for operator, _ in bench.subnet.members)
    bench.hear(honest)
    bench.hear(liar, right=False)
    assert not bench.gets_jobs(liar)
    assert bench.gets_jobs(honest)
    bench.clock.forward(PAUSE)
    assert bench.gets_jobs(liar), "it may try again"


def test_another_lie_on_parole_counts_twice_and_right_answers_end_it(bench: Bench) -> None:
    _, liar = (operator for operator, _ in bench.subnet.members)
    bench.hear(liar, right=False)
    bench.clock.forward(PAUSE)
    bench.hear(liar, right=False)
    bench.clock.forward(PAUSE)
    assert not bench.gets_jobs(liar)
    bench.clock.forward(PAUSE)
    assert bench.gets_jobs(liar)
    for _ in range(PAROLE):
        bench.hear(liar)
    bench.hear(liar, right=False)
    bench.clock.forward(PAUSE)
    assert bench.gets_jobs(liar), "after its parole it counts once again"


def test_a_subnet_formed_later_knows_of_it(bench: Bench) -> None:
    _, liar = (operator for operator, _ in bench.subnet.members)
    bench.hear(liar, right=False)
    assert not bench.gets_jobs(liar), "its balancer was made after the lie"


def test_a_job_that_is_heard_of_twice_is_looked_at_once(bench: Bench) -> None:
    _, liar = (operator for operator, _ in bench.subnet.members)
    bench.hear(liar, right=False)
    bench.count -= 1
    bench.hear(liar, right=False)
    bench.clock.forward(PAUSE)
    assert bench.gets_jobs(liar)


@pytest.fixture
def watching(market: Localnet) -> Iterator[World]:
    """A gateway that looks at every answer and tells every second."""
    own = {"spot_check_percent": 100.0, "observations_seconds": 1}
    with World(market, "watching", **own) as world:
        yield world


def test_a_gateway_tells_signed_what_it_saw(watching: World) -> None:
    job = watching.await_final(watching.post(count=2)["id"])
    deadline = time.monotonic() + SECONDS
    while not (documents := fetch(watching.daemon.endpoint)):
        assert time.monotonic() < deadline, "nothing was published"
        time.sleep(0.2)
    told = open_observations(documents[-1])
    assert told.observer == watching.daemon.address
    assert told.contract == watching.net.network.subnets.address
    [seen] = told.observed
    assert (seen.operator, seen.model, seen.right, seen.wrong) == (
        job["operator"], job["model"], 1, 0
    )  # fmt: skip
