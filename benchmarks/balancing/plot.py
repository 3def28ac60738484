# SPDX-License-Identifier: Apache-2.0
"""One plot as SVG: quantiles of latency of each policy, every repeat a dot, on a log scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from statistics import geometric_mean

from benchmarks.svg import COLOURS, document, dot, rule, text

WIDTH, HEIGHT = 760, 380
LEFT, RIGHT, TOP, BOTTOM = 70, 30, 20, 50
LOWEST, HIGHEST = 5.0, 5000.0
TICKS = (10, 30, 100, 300, 1000, 3000)


def svg(
    shares: Sequence[float],
    runs: Mapping[str, Sequence[Sequence[float]]],
    notes: Sequence[str] = (),
) -> str:
    """``runs``: of each policy, for each repeat the quantiles in milliseconds. ``notes`` stand
    in the corner that fast policies leave free."""
    parts = _grid(shares)
    for i, (name, repeats) in enumerate(runs.items()):
        parts += _policy(name, repeats, COLOURS[i], i)
    for i, note in enumerate(notes):
        parts.append(text(WIDTH - RIGHT - 10, HEIGHT - BOTTOM - 40 + 18 * i, note, "end"))
    return document(parts, WIDTH, HEIGHT)


def _policy(name: str, repeats: Sequence[Sequence[float]], colour: str, i: int) -> list[str]:
    columns = list(zip(*repeats, strict=True))
    points = [(_x(j, len(columns)), _y(geometric_mean(c))) for j, c in enumerate(columns)]
    line = " ".join(f"{x},{y}" for x, y in points)
    parts = [f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>']
    for j, column in enumerate(columns):
        x = _x(j, len(columns))
        parts += [dot(x, _y(ms), colour) for ms in column]
    y = TOP + 18 + 18 * i
    parts.append(dot(LEFT + 20, y, colour, 5))
    return [*parts, text(LEFT + 32, y + 4, name, "start")]


def _grid(shares: Sequence[float]) -> list[str]:
    parts = []
    for ms in TICKS:
        parts.append(rule(LEFT, _y(ms), WIDTH - RIGHT, _y(ms)))
        parts.append(text(LEFT - 8, _y(ms) + 4, f"{ms:,} ms", "end"))
    for j, share in enumerate(shares):
        label = f"p{share * 100:g}"
        parts.append(text(_x(j, len(shares)), HEIGHT - BOTTOM + 18, label, "middle"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    return [*parts, text(middle, HEIGHT - 12, "latency of all requests of a run", "middle")]


def _x(column: int, columns: int) -> float:
    return round(LEFT + (column + 0.5) / columns * (WIDTH - LEFT - RIGHT), 1)


def _y(ms: float) -> float:
    share = log10(ms / LOWEST) / log10(HIGHEST / LOWEST)
    return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)
