# SPDX-License-Identifier: Apache-2.0
"""The invariants of docs/opml-game.md over random runs of everybody."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.opml.game.arena import Arena
from tests.opml.game.duel import truth_of
from tests.opml.game.machine import TRUE, GameMachine
from tests.opml.game.test_liars import CAUGHT_BY_TIME
from tests.opml.game.zoo import LIARS

# For each kind of claimant.
RUNS = 30
# Those that answer to the end, and those that can not or do not.
CLAIMANTS = [[TRUE], sorted(LIARS.keys() - CAUGHT_BY_TIME), sorted(CAUGHT_BY_TIME)]
# The same runs each time, or else a rare edge would be missed on some days.
NORMAL = settings(
    max_examples=RUNS,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
LONG = settings(NORMAL, max_examples=10 * RUNS, derandomize=False)
# Runs that never come by these show little.
EDGES = {
    "honest",
    "sybils",
    "sybil's pick",
    "element named",
    "insiders",
    "insider's pick",
    "insider's prove",
    "answers",
    "stranger's answer",
    "liar's answer",
    "watcher's pick",
    "watcher's prove",
    "watcher's timeout",
    "challenger late",
    "challenger_timeout",
    "close",
    "collect",
    "finalised",
    "withdrawn",
    "claimed again",
}


def play_all(built: Arena, how: settings) -> Counter[str]:
    tally: Counter[str] = Counter()
    GameMachine.built, GameMachine.truth, GameMachine.tally = built, truth_of(built), tally
    for names in CLAIMANTS:
        GameMachine.names = names
        run_state_machine_as_test(GameMachine, settings=how)
    print(dict(tally))  # noqa: T201
    return tally


@pytest.mark.ignore_isolation
def test_games_end_as_they_should(built: Arena) -> None:
    assert EDGES - play_all(built, NORMAL).keys() == set()


@pytest.mark.slow
@pytest.mark.ignore_isolation
@pytest.mark.timeout(3_600)
def test_ten_times_as_many_games(built: Arena) -> None:
    play_all(built, LONG)
