# SPDX-License-Identifier: Apache-2.0
"""The race of balancers: it runs, and its figures are made as its page says."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree

import pytest

from benchmarks.balancing import race
from benchmarks.balancing.page import tables
from benchmarks.balancing.plot import svg
from benchmarks.balancing.policies import POLICIES, quantiles


def test_quantiles_are_of_all_requests() -> None:
    assert quantiles(range(1000), (0.5, 0.99, 0.999)) == [500, 990, 999]


def test_a_steady_ratio_has_a_narrow_interval_and_a_wild_one_a_wide() -> None:
    ours = [[0, 0, 10.0, 0]] * 4
    middle, low, high = race.ratio([[0, 0, 60.0, 0]] * 4, ours)
    assert (middle, low, high) == pytest.approx((6, 6, 6))
    wild = [[0, 0, p99, 0] for p99 in (20.0, 180.0, 20.0, 180.0)]
    middle, low, high = race.ratio(wild, ours)
    assert middle == pytest.approx(6)
    assert low < 2
    assert high > 18


def test_the_goal_is_met_by_the_interval_not_by_the_mean() -> None:
    figure = race._figure("p99", [6.0, 4.9, 7.3], 5.0)
    assert figure["met"] is False
    assert race._figure("p99", [6.0, 5.1, 7.3], 5.0)["met"] is True


def test_a_short_race_answers_every_request() -> None:
    with race.ten_nodes() as ports:
        for name in POLICIES:
            latencies, lateness = race.run(name, ports, seconds=0.5, seed=3)
            assert len(latencies) == len(lateness) > 200
            assert min(latencies) > 0.004
            assert all(math.isfinite(seconds) for seconds in latencies)


def test_page_and_plot_are_made_of_the_results() -> None:
    runs = {name: [[10.0, 20.0, 50.0, 100.0], [11.0, 21.0, 60.0, 90.0]] for name in POLICIES}
    document = {
        "meta": {"cpu": "a cpu"},
        "dropped": 1,
        "setting": {"shares": race.SHARES},
        "runs": runs,
        "figures": [race._figure("p99 of them / ours", [6.0, 5.5, 6.6], 5.0)],
    }
    page = tables(json.loads(json.dumps(document)))
    assert "| p99 of them / ours | 6.0 | 5.5 to 6.6 | >= 5 | yes |" in page
    xml.etree.ElementTree.fromstring(svg(race.SHARES, runs))
