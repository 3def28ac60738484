# SPDX-License-Identifier: Apache-2.0
"""What all the runs together did: shows that they reach what they are meant to test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Over all runs: what went through, what was refused as foretold, what else was met."""

    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    edges: Counter[str] = field(default_factory=Counter)

    @property
    def success(self) -> float:
        """Share of all actions that went through."""
        return self.done.total() / (self.done.total() + self.refused.total())

    def missing(self, edges: Iterable[str]) -> set[str]:
        """Edges that no run came by."""
        return {edge for edge in edges if not self.edges[edge]}

    def lines(self) -> str:
        """For a reader of `pytest -s`."""
        names = sorted({*self.done, *self.refused})
        rows = [
            f"{name:24} {self.done[name]:7} done {self.refused[name]:7} refused" for name in names
        ]
        edges = [f"{name:48} {count:7}" for name, count in sorted(self.edges.items())]
        return "\n".join(["", *rows, *edges, f"went through: {self.success:.1%}"])
