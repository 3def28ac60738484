# SPDX-License-Identifier: Apache-2.0
"""Plots as SVG, the same bytes for the same figures: a frame, bars in groups, a curve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from statistics import median

COLOURS = ("#1f4e79", "#c55a11", "#7f7f7f", "#548235")
WIDTH, HEIGHT = 760, 340
LEFT, RIGHT, TOP, BOTTOM = 70, 30, 44, 50
_BAR = 0.7  # of a group's width
_TICKS = 5


def document(parts: Iterable[str], width: int = WIDTH, height: int = HEIGHT) -> str:
    """A whole file."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">'
    )
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>\n"])


def text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    """``anchor``: start, middle or end."""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'


def rule(x1: float, y1: float, x2: float, y2: float, colour: str = "#ddd") -> str:
    """A thin line."""
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}"/>'


def dot(x: float, y: float, colour: str, radius: int = 3) -> str:
    """A filled circle."""
    return f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{colour}"/>'


def bars(
    groups: Sequence[str],
    series: Mapping[str, Sequence[Sequence[float]]],
    unit: str,
    notes: Sequence[str] = (),
) -> str:
    """``series``: for each group what was measured; a bar is the median, each value a dot.

    ``notes`` stand below the groups' names.
    """
    most = _ceiling(value for values in series.values() for one in values for value in one)
    parts = [*_scale(most, unit), *_legend(series)]
    for g, (group, note) in enumerate(zip(groups, notes or [""] * len(groups), strict=True)):
        middle = _place(g + 0.5, len(groups))
        for s, values in enumerate(series.values()):
            parts += _bar(values[g], middle, s, len(series), len(groups), most)
        parts.append(text(middle, HEIGHT - BOTTOM + 18, group))
        parts.append(text(middle, HEIGHT - BOTTOM + 34, note))
    return document(parts)


def curve(
    points: Sequence[tuple[float, float]], goal: tuple[float, float], unit: str, below: str
) -> str:
    """Through ``points``, by increasing x from 0; ``goal``: the most that y may be at x."""
    widest = points[-1][0]
    most = _ceiling([y for _, y in points] + [goal[1]])
    places = [(_place(x, widest), _height(y, most)) for x, y in points]
    line = " ".join(f"{x},{y}" for x, y in places)
    colour, warning = COLOURS[0], COLOURS[1]
    at = _place(goal[0], widest), _height(goal[1], most)
    return document(
        [
            *_scale(most, unit),
            f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>',
            *(dot(x, y, colour, 4) for x, y in places),
            *(text(_place(x, widest), HEIGHT - BOTTOM + 18, f"{x:,.10g}") for x, _ in points),
            rule(at[0] - 40, at[1], at[0] + 40, at[1], warning),
            text(at[0], at[1] - 6, f"at most {goal[1]:g} {unit}"),
            text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, below),
        ]
    )


def _bar(
    values: Sequence[float], middle: float, s: int, count: int, groups: int, most: float
) -> list[str]:
    wide = _BAR * (WIDTH - LEFT - RIGHT) / groups / count
    left, colour = round(middle + (s - count / 2) * wide, 1), COLOURS[s]
    top = _height(median(values), most)
    centre = round(left + wide / 2, 1)
    parts = [
        f'<rect x="{left}" y="{top}" width="{round(wide - 3, 1)}" '
        f'height="{round(HEIGHT - BOTTOM - top, 1)}" fill="{colour}" fill-opacity="0.6"/>',
        text(centre, HEIGHT - BOTTOM - 6, f"{median(values):,.10g}"),
    ]
    return [*parts, *(dot(centre, _height(one, most), colour) for one in values if len(values) > 1)]


def _legend(names: Iterable[str]) -> list[str]:
    parts = []
    for i, name in enumerate(names):
        x = LEFT + 8 + i * (WIDTH - LEFT - RIGHT) // 3
        parts += [dot(x, 20, COLOURS[i], 5), text(x + 12, 24, name, "start")]
    return parts


def _scale(most: float, unit: str) -> list[str]:
    parts = [text(LEFT - 8, TOP - 12, unit, "end")]
    for i in range(_TICKS + 1):
        y = _height(most * i / _TICKS, most)
        parts.append(rule(LEFT, y, WIDTH - RIGHT, y))
        parts.append(text(LEFT - 8, y + 4, f"{most * i / _TICKS:,.10g}", "end"))
    return parts


def _ceiling(values: Iterable[float]) -> float:
    """The next round number above all values, of which a fifth is round too."""
    largest, scale = max(values), 1e-6
    while True:
        for step in (1, 2, 2.5, 5):
            if scale * step * _TICKS >= largest:
                return float(f"{scale * step * _TICKS:.10g}")
        scale *= 10


def _place(x: float, widest: float) -> float:
    return round(LEFT + x / widest * (WIDTH - LEFT - RIGHT), 1)


def _height(y: float, most: float) -> float:
    return round(HEIGHT - BOTTOM - y / most * (HEIGHT - TOP - BOTTOM), 1)
