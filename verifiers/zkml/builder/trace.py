# SPDX-License-Identifier: Apache-2.0
"""What an emitted verifier computes, as a graph of values: addresses and loops are all concrete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from verifiers.zkml.errors import CircuitError
from verifiers.zkml.field import Point, R

Value = "int | Node"


@dataclass(frozen=True, eq=False)
class Node:
    """A value that depends on the proof; ``number`` counts nodes as they were made.

    Scalars: proof and instance (args: word), add, sub, mul, inverse, hash (args: words), challenge
    (of a hash). Points: ec_add, ec_mul; x and y are their coordinates.
    """

    number: int
    kind: str
    args: tuple[int | Node, ...]


@dataclass
class Graph:
    """Nodes in order, equal ones once, with what is trivially simpler simplified."""

    nodes: list[Node] = field(default_factory=list)
    _known: dict[tuple[object, ...], Node] = field(default_factory=dict)

    def node(self, kind: str, *args: int | Node) -> Node:
        key = (kind, *args)
        if key not in self._known:
            self._known[key] = Node(len(self.nodes), kind, args)
            self.nodes.append(self._known[key])
        return self._known[key]

    def add(self, a: int | Node, b: int | Node) -> int | Node:
        if isinstance(a, int) and isinstance(b, int):
            return (a + b) % R
        if a == 0 or b == 0:
            return b if a == 0 else a
        for one, other in ((a, b), (b, a)):
            if isinstance(one, Node) and one.kind == "sub" and one.args[0] == 0:
                return self.sub(other, one.args[1])
        return self.node("add", a, b)

    def sub(self, a: int | Node, b: int | Node) -> int | Node:
        if isinstance(a, int) and isinstance(b, int):
            return (a - b) % R
        return a if b == 0 else self.node("sub", a, b)

    def mul(self, a: int | Node, b: int | Node) -> int | Node:
        if isinstance(a, int) and isinstance(b, int):
            return a * b % R
        if a == 0 or b == 0:
            return 0
        if a == 1 or b == 1:
            return b if a == 1 else a
        return self.node("mul", a, b)


@dataclass(frozen=True)
class Trace:
    """An emitted verifier, run on a proof of which only the length is known."""

    graph: Graph
    proof_words: int
    instances: int
    memory: Mapping[int, int | Node]
    places: Mapping[str, int]  # named addresses
    fixed: Sequence[Point]
    sigmas: Sequence[Point]
    pairing: Sequence[int | Node]  # the precompile's twelve words

    def named(self, name: str) -> int | Node:
        """What memory holds at a named address when the verifier ends. Raises CircuitError."""
        if name not in self.places:
            raise CircuitError(f"the emitted verifier has no {name}")
        return self.memory.get(self.places[name], 0)

    def number(self, name: str) -> int:
        """A named constant. Raises CircuitError."""
        value = self.named(name)
        if not isinstance(value, int):
            raise CircuitError(f"{name} of the emitted verifier is no constant")
        return value
