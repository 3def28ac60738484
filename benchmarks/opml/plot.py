# SPDX-License-Identifier: Apache-2.0
"""One plot as SVG: gas of the dearest dispute over the size of the model."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from typing import NamedTuple

from benchmarks.svg import document, dot, rule, text

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 30, 20, 50
DECADES = (3, 10)
MOST, STEP = 1_800_000, 300_000
COLOURS = {"whole dispute": "#1f4e79", "claimant's part": "#c55a11"}


class Point(NamedTuple):
    """A model with its weights in bytes and the gas of its dearest dispute."""

    name: str
    weights: int
    gas: int
    claimant: int
    is_simulated: bool


def svg(points: Sequence[Point]) -> str:
    """Filled marks are compiled models, hollow ones simulated."""
    parts = [*_grid(), *_legend()]
    ordered = sorted(points, key=lambda point: point.weights)
    for i, point in enumerate(ordered):
        parts += _marks(point, above=i % 2 == 0)
    return document(parts, WIDTH, HEIGHT)


def _x(weights: float) -> float:
    low, high = DECADES
    share = (log10(weights) - low) / (high - low)
    return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)


def _y(gas: int) -> float:
    return round(HEIGHT - BOTTOM - gas / MOST * (HEIGHT - TOP - BOTTOM), 1)


def _grid() -> list[str]:
    lines = []
    for gas in range(0, MOST + 1, STEP):
        lines.append(rule(LEFT, _y(gas), WIDTH - RIGHT, _y(gas)))
        lines.append(text(LEFT - 8, _y(gas) + 4, f"{gas / 10**6:g} M", "end"))
    for decade, name in zip(range(DECADES[0], DECADES[1] + 1), _sizes(), strict=True):
        x = _x(10**decade)
        lines.append(rule(x, TOP, x, HEIGHT - BOTTOM))
        lines.append(text(x, HEIGHT - BOTTOM + 18, name, "middle"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    return [*lines, text(middle, HEIGHT - 12, "weights (bytes); gas of one dispute", "middle")]


def _sizes() -> list[str]:
    return ["1 kB", "10 kB", "100 kB", "1 MB", "10 MB", "100 MB", "1 GB", "10 GB"]


def _legend() -> list[str]:
    parts = []
    for i, (name, colour) in enumerate(COLOURS.items()):
        y = HEIGHT - BOTTOM - 40 + 18 * i
        parts.append(dot(WIDTH - 150, y, colour, 5))
        parts.append(text(WIDTH - 138, y + 4, name, "start"))
    return parts


def _marks(point: Point, above: bool) -> list[str]:
    x, parts = _x(point.weights), []
    for gas, colour in zip((point.gas, point.claimant), COLOURS.values(), strict=True):
        fill = "white" if point.is_simulated else colour
        place = f'cx="{x}" cy="{_y(gas)}" r="5"'
        parts.append(f'<circle {place} fill="{fill}" stroke="{colour}" stroke-width="2"/>')
    lift = -12 if above else 22
    anchor = "end" if x > WIDTH - RIGHT - 60 else "middle"
    return [*parts, text(x, _y(point.gas) + lift, point.name, anchor)]
