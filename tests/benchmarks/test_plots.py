# SPDX-License-Identifier: Apache-2.0
"""The committed plots are those of the committed figures, and what is drawn is to scale."""

from __future__ import annotations

import re
from xml.etree.ElementTree import fromstring

import pytest

from benchmarks import BALANCING_FILE, PLOTS, README_FILE, SCALING_PAGE
from benchmarks.balancing import page as balancing
from benchmarks.opml.page import points
from benchmarks.opml.plot import svg
from benchmarks.plots import made
from benchmarks.readme import read
from benchmarks.svg import bars, curve

STALE = "run `python -m benchmarks readme`"


def test_the_plots_are_fresh_and_shown() -> None:
    found = {path.name: path.read_text() for path in PLOTS.iterdir()}
    assert found == made(), STALE
    page = README_FILE.read_text()
    assert all(f"(plots/{name})" in page for name in found)
    assert balancing.PLOT.read_text() == balancing.plot(read(BALANCING_FILE)), STALE
    assert SCALING_PAGE.with_suffix(".svg").read_text() == svg(points()), STALE


def test_bars_stand_in_proportion_with_a_dot_for_each_turn() -> None:
    plot = bars(["a", "b"], {"<ours>": [[100, 300, 200], [50]], "theirs": [[40], [20]]}, "x/s")
    fromstring(plot)
    heights = [float(h) for h in re.findall(r'height="([0-9.]+)" fill="#', plot)]
    assert heights[0] == pytest.approx(5 * heights[1], rel=0.02)
    assert heights[0] == pytest.approx(4 * heights[2], rel=0.02)
    assert plot.count('r="3"') == 3, "one value is its own median"


def test_a_curve_over_its_goal_is_above_the_line() -> None:
    plot = curve([(100, 2.0), (1000, 30.0)], (1000, 15.0), "ms", "offers")
    fromstring(plot)
    points = re.search(r'points="([^"]*)"', plot)
    goal = re.search(r'y1="([0-9.]+)" [^/]*stroke="#c55a11"', plot)
    assert points is not None
    assert goal is not None
    ys = [float(point.split(",")[1]) for point in points[1].split()]
    assert ys[1] < float(goal[1]) < ys[0]
