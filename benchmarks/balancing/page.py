# SPDX-License-Identifier: Apache-2.0
"""docs/balancing.md: its tables and its plot, from the result file."""

from __future__ import annotations

from statistics import geometric_mean
from typing import Any

from benchmarks import BALANCING_FILE, BALANCING_PAGE
from benchmarks.balancing.plot import svg
from benchmarks.readme import MET, read, replaced, table

PLOT = BALANCING_PAGE.with_suffix(".svg")


def write() -> None:
    """Both files anew."""
    results = read(BALANCING_FILE)
    BALANCING_PAGE.write_text(replaced(BALANCING_PAGE.read_text(), "race", tables(results)))
    PLOT.write_text(plot(results))


def plot(results: dict[str, Any]) -> str:
    """Latencies, and by how much they differ with what confidence."""
    notes = [f"{f['name']}: {f['measured']} (95 %: {_interval(f)})" for f in results["figures"]]
    return svg(results["setting"]["shares"], results["runs"], notes)


def tables(results: dict[str, Any]) -> str:
    """Where, how fast, and by how much."""
    machine = ", ".join(str(fact) for fact in results["meta"].values())
    head = ("policy", *(f"p{share * 100:g}, ms" for share in results["setting"]["shares"]))
    return "\n\n".join(
        (
            f"Measured on: {machine}. Turns that did not count, because the machine was too busy "
            f"to send in time: {results['dropped']}.",
            table(head, [_policy(*run) for run in results["runs"].items()]),
            table(
                ("figure", "measured", "95 % interval", "goal", "met"),
                [_figure(figure) for figure in results["figures"]],
            ),
        )
    )


def _policy(name: str, repeats: list[list[float]]) -> tuple[str, ...]:
    return name, *(f"{geometric_mean(column):,.0f}" for column in zip(*repeats, strict=True))


def _figure(figure: dict[str, Any]) -> tuple[str, ...]:
    met = MET[figure["met"]]
    return figure["name"], f"{figure['measured']}", _interval(figure), figure["goal"], met


def _interval(figure: dict[str, Any]) -> str:
    low, high = figure["interval"]
    return f"{low} to {high}"
