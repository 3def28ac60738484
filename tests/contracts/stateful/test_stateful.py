# SPDX-License-Identifier: Apache-2.0
"""The invariants of docs/protocol.md over random runs of all roles."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.contracts.parts import NONE
from tests.contracts.stateful import market_machine, plugin_machine
from tests.contracts.stateful.machine import Machine
from tests.contracts.stateful.market_machine import MarketMachine
from tests.contracts.stateful.plugin_machine import PluginMachine
from tests.contracts.stateful.setting import TOY, opened
from tests.contracts.stateful.tally import Tally

RUNS = 300
# Three to four minutes for both on a free core; a run that fails takes long to shrink.
HALF_AN_HOUR = 1_800
# The same runs each time, or else a rare edge would be missed on some days.
NORMAL = settings(
    max_examples=RUNS,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
LONG = settings(NORMAL, max_examples=10 * RUNS, derandomize=False)


def play_all(machine: type[Machine], selector: bytes, how: settings) -> Tally:
    """Run a machine and tell what the runs did."""
    tally = Tally()
    with opened(selector) as setting:
        machine.setting, machine.tally = setting, tally
        run_state_machine_as_test(machine, settings=how)
    print(tally.lines())  # noqa: T201
    return tally


def assert_worth_it(tally: Tally, edges: tuple[str, ...]) -> None:
    """Runs that never reach the interesting cases, or do mostly nonsense, show little."""
    assert tally.missing(edges) == set()
    assert tally.success > 0.7


@pytest.mark.timeout(HALF_AN_HOUR)
def test_market_keeps_its_books_under_method_none() -> None:
    assert_worth_it(play_all(MarketMachine, NONE, NORMAL), market_machine.EDGES)


@pytest.mark.timeout(HALF_AN_HOUR)
def test_plugin_and_registry_keep_their_books() -> None:
    assert_worth_it(play_all(PluginMachine, TOY, NORMAL), plugin_machine.EDGES)


@pytest.mark.slow
@pytest.mark.timeout(10 * HALF_AN_HOUR)
@pytest.mark.parametrize(("machine", "selector"), [(MarketMachine, NONE), (PluginMachine, TOY)])
def test_ten_times_as_many_runs(machine: type[Machine], selector: bytes) -> None:
    play_all(machine, selector, LONG)
