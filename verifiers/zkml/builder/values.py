# SPDX-License-Identifier: Apache-2.0
"""Numbers for a traced verifier: what it computes for a proof and challenges of one's choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

from verifiers.zkml.builder.trace import Node, Trace
from verifiers.zkml.errors import CircuitError
from verifiers.zkml.field import INFINITY, R
from verifiers.zkml.formula import Challenges, Commitment, Sum

Number = int | Sum


@dataclass(frozen=True)
class Values:
    """By number of the node: scalars, and points as sums of commitments."""

    numbers: Mapping[int, Number]

    def scalar(self, value: int | Node) -> int:
        found = value if isinstance(value, int) else self.numbers[value.number]
        assert isinstance(found, int)
        return found

    def point(self, x: int | Node, y: int | Node) -> Sum:
        """Of coordinates: constants, words of the proof, or of a computed point."""
        if isinstance(x, int) and isinstance(y, int):
            return {} if (x, y) == INFINITY else {(x, y): 1}
        if isinstance(x, Node) and isinstance(y, Node):
            at, after = x.args[0], y.args[0]
            if x.kind == y.kind == "proof" and isinstance(at, int) and after == at + 1:
                return {at: 1}
            if (x.kind, y.kind) == ("x", "y") and isinstance(at, Node) and at is after:
                found = self.numbers[at.number]
                assert isinstance(found, dict)
                return found
        raise CircuitError("coordinates of two points are mixed up")


def compute(
    trace: Trace,
    proof: Sequence[int],
    instances: Sequence[int],
    drawn: Challenges,
    given: Mapping[int, int] | None = None,
) -> Values:
    """``given`` replaces nodes by number. Raises CircuitError for what has no number."""
    numbers: dict[int, Number] = dict(given or {})
    values, challenges = Values(numbers), iter(astuple(drawn))
    for node in trace.graph.nodes:
        if node.kind == "challenge":
            numbers[node.number] = next(challenges)
        elif node.kind in ("proof", "instance"):
            (at,) = node.args
            assert isinstance(at, int)
            numbers[node.number] = (proof if node.kind == "proof" else instances)[at]
        elif node.number not in numbers:
            _operation(node, values, numbers)
    return values


def _operation(node: Node, values: Values, numbers: dict[int, Number]) -> None:
    if node.kind in ("add", "sub", "mul", "inverse"):
        scalars = [values.scalar(arg) for arg in node.args]
        numbers[node.number] = _scalar(node.kind, scalars)
    elif node.kind == "ec_add":
        numbers[node.number] = _sum(values.point(*node.args[:2]), values.point(*node.args[2:]))
    elif node.kind == "ec_mul":
        by = values.scalar(node.args[2])
        numbers[node.number] = {
            key: factor * by % R for key, factor in values.point(*node.args[:2]).items()
        }


def _scalar(kind: str, args: Sequence[int]) -> int:
    if kind == "inverse":
        return pow(args[0], -1, R)
    a, b = args
    return {"add": a + b, "sub": a - b, "mul": a * b}[kind] % R


def _sum(a: Sum, b: Sum) -> Sum:
    keys: set[Commitment] = {*a, *b}
    return {key: (a.get(key, 0) + b.get(key, 0)) % R for key in keys}
