# SPDX-License-Identifier: Apache-2.0
"""The plots of README.md, from the result files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks import LATENCY_FILE, PLOTS, RAY_FILE, ROUTING_FILE, SERVING_FILE
from benchmarks.latency import MOST
from benchmarks.readme import read
from benchmarks.routing import DECIDED_MS, OFFERS
from benchmarks.svg import bars, curve


def write() -> None:
    """All files anew."""
    PLOTS.mkdir(exist_ok=True)
    for name, plot in made().items():
        (PLOTS / name).write_text(plot)


def made() -> dict[str, str]:
    """The content of each file."""
    return {f"{name}.svg": plot() for name, plot in _PLOTS.items()}


def _serving() -> str:
    turns = read(SERVING_FILE)["turns"]
    groups = [f"{count} connection" + "s" * (count != "1") for count in turns]
    notes = [f"{_ratio(*one.values()):.1f} times as many" for one in turns.values()]
    series = {name: [_whole(one[name]) for one in turns.values()] for name in turns["1"]}
    return bars(groups, series, "requests/s", notes)


def _ray() -> str:
    found = read(RAY_FILE)
    rates: Mapping[str, Sequence[float]] = found["rates"]
    groups = [f"{count} replica" + "s" * (count != "1") for count in rates]
    note = f"{_ratio(rates['2'], rates['1']):.2f} times as many"
    series = {found["meta"]["cores"]: [_whole(one) for one in rates.values()]}
    return bars(groups, series, "requests/s", ["", note])


def _latency() -> str:
    methods = read(LATENCY_FILE)["methods"]
    series = {
        "slowest job, in all": [[_last(one["blocks"])] for one in methods.values()],
        "beyond computing": [[_last(one["beyond"])] for one in methods.values()],
        "at most": [[MOST[name]] for name in methods],
    }
    notes = ["to the first answer" if name == "opml" else "to payment" for name in methods]
    return bars(list(methods), series, "blocks", notes)


def _routing() -> str:
    points = [(one["offers"], one["ms"]) for one in read(ROUTING_FILE)["sizes"]]
    return curve(points, (OFFERS, DECIDED_MS), "ms", "offers; CPU time of one decision")


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return median(one / other for one, other in zip(ours, theirs, strict=True))


def _whole(rates: Sequence[float]) -> list[float]:
    return [round(one) for one in rates]


def _last(counts: dict[str, Any]) -> int:
    return max(int(blocks) for blocks in counts)


_PLOTS: dict[str, Callable[[], str]] = {
    "latency": _latency,
    "serving": _serving,
    "ray": _ray,
    "routing": _routing,
}
