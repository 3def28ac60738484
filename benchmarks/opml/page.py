# SPDX-License-Identifier: Apache-2.0
"""docs/opml-gas.md: its tables and its plot, from the result files."""

from __future__ import annotations

from typing import Any

from benchmarks import DISPUTES_FILE, SCALING_FILE, SCALING_PAGE
from benchmarks.opml.plot import Point, svg
from benchmarks.readme import read, replaced, table

SIZES = ("model", "nodes", "weights", "trace", "rounds", "transactions", "claimant", "all")
LAYERS = (
    *("model", "layer", "operator", "lanes", "blocks", "depth"),
    *("transactions", "judge", "claimant", "all"),
)
PLOT = SCALING_PAGE.with_suffix(".svg")


def write() -> None:
    """Both files anew."""
    SCALING_PAGE.write_text(refreshed(SCALING_PAGE.read_text()))
    PLOT.write_text(svg(points()))


def refreshed(page: str) -> str:
    """The page with its tables written anew. Raises ValueError when a mark is missing."""
    simulated, compiled = read(SCALING_FILE)["models"], read(DISPUTES_FILE)["models"]
    lines = [_compiled(model) for model in compiled] + [_simulated(model) for model in simulated]
    page = replaced(page, "sizes", table(SIZES, lines))
    lines = [_layer(model, game) for model in simulated for game in model["games"]]
    return replaced(page, "layers", table(LAYERS, lines))


def points() -> list[Point]:
    """Of the plot."""
    found = []
    for model in read(DISPUTES_FILE)["models"]:
        whole = model["whole"]
        size = model["weights_bytes"]
        found.append(Point(model["name"], size, whole["gas"], whole["claimant"], False))
    for model in read(SCALING_FILE)["models"]:
        game, size = _dearest(model), model["weights_bytes"]
        found.append(Point(model["name"], size, game["gas"], game["claimant"], True))
    return found


def _dearest(model: dict[str, Any]) -> dict[str, Any]:
    game: dict[str, Any] = max(model["games"], key=lambda game: game["gas"])
    return game


def _compiled(model: dict[str, Any]) -> tuple[str, ...]:
    whole = model["whole"]
    rounds = sum(move["by"] == "claimant" for move in whole["moves"])
    return _line(model, f"{model['name']} (compiled)", whole | {"rounds": rounds})


def _simulated(model: dict[str, Any]) -> tuple[str, ...]:
    return _line(model, model["name"], _dearest(model))


def _line(model: dict[str, Any], name: str, game: dict[str, Any]) -> tuple[str, ...]:
    sizes = _size(model["weights_bytes"]), _size(model["trace_bytes"])
    counts = str(game["rounds"]), str(game["transactions"])
    return name, f"{model['nodes']:,}", *sizes, *counts, *_gas(game, "claimant", "gas")


def _layer(model: dict[str, Any], game: dict[str, Any]) -> tuple[str, ...]:
    names = model["name"], game["layer"], game["opcode"]
    counts = (str(game[n]) for n in ("lanes", "blocks", "tensor_depth", "transactions"))
    return *names, *counts, *_gas(game, "judge", "claimant", "gas")


def _gas(game: dict[str, Any], *names: str) -> tuple[str, ...]:
    return tuple(f"{game[name]:,}" for name in names)


def _size(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} B"
