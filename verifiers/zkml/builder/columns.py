# SPDX-License-Identifier: Apache-2.0
"""Which advice column an evaluation belongs to, and at which rows: seen by what is done with it."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass

from verifiers.zkml.builder.trace import Node, Trace
from verifiers.zkml.builder.values import compute
from verifiers.zkml.errors import CircuitError
from verifiers.zkml.field import G1, MAX_K, ROOT, R, inverse
from verifiers.zkml.formula import Challenges, Domain, Sum, lagrange
from verifiers.zkml.program import slots


@dataclass(frozen=True)
class Placed:
    """An advice column that is opened on a set of rows, and its evaluations by slot."""

    column: int
    mask: int
    evals: tuple[int, int, int, int]


def place(trace: Trace, heads: int, advice: int, evals: int, last: int) -> list[Placed]:
    """In the order of their first evaluations. Raises CircuitError.

    A commitment enters the folded point with some factor f, its evaluation on one row of a set
    enters with -f times that row's Lagrange polynomial, in which no two sets agree.
    """
    sample = _Sample(trace, heads, last)
    known = sample.weights()
    rows: dict[int, dict[int, int]] = defaultdict(dict)
    masks: dict[int, int] = {}
    for number in range(evals):
        slope = sample.slope(2 * heads + number)
        column, mask, slot = _match(slope, sample.base, advice, known)
        rows[column][slot] = number
        if masks.setdefault(column, mask) != mask:
            raise CircuitError(f"advice column {column} is opened in two ways")
    if any(sorted(rows[column]) != slots(mask) for column, mask in masks.items()):
        raise CircuitError("an advice column is opened on rows that have no evaluation")
    if len(masks) != advice:
        raise CircuitError("an advice column is never opened")
    return [_placed(column, mask, rows[column]) for column, mask in masks.items()]


def _placed(column: int, mask: int, rows: dict[int, int]) -> Placed:
    a, b, c, d = (rows.get(slot, 0) for slot in range(4))
    return Placed(column, mask, (a, b, c, d))


def _match(
    slope: int, base: Sum, advice: int, known: dict[int, tuple[int, int]]
) -> tuple[int, int, int]:
    """(column, mask, slot)."""
    for column in range(advice):
        weight = -slope * inverse(base[2 * column]) % R if base.get(2 * column) else 0
        if weight in known:
            return (column, *known[weight])
    raise CircuitError("an advice column is opened on a row other than here, next, before and last")


class _Sample:
    """The folded point for arbitrary numbers, the quotient's value held fast."""

    def __init__(self, trace: Trace, heads: int, last: int) -> None:
        draw = random.Random(0).randrange
        self._trace = trace
        self._proof = [draw(1, R) for _ in range(trace.proof_words)]
        self._instances = [draw(1, R) for _ in range(trace.instances)]
        self._challenges = Challenges(*(draw(1, R) for _ in range(8)))
        quotient = trace.named("QUOTIENT_EVAL_MPTR")
        assert isinstance(quotient, Node)
        self._fast = {quotient.number: draw(1, R)}
        self._last = last
        self.base = self._folded(self._proof)

    def _folded(self, proof: list[int]) -> Sum:
        values = compute(self._trace, proof, self._instances, self._challenges, self._fast)
        return values.point(*self._trace.pairing[:2])

    def slope(self, word: int) -> int:
        """What one more in a word of the proof does to the factor of G1."""
        proof = list(self._proof)
        proof[word] = (proof[word] + 1) % R
        return (self._folded(proof)[G1] - self.base[G1]) % R

    def weights(self) -> dict[int, tuple[int, int]]:
        """(mask, slot) of each Lagrange polynomial's value."""
        x = self._challenges.x
        omega = pow(ROOT, 1 << MAX_K - self._trace.number("K_MPTR"), R)
        back = inverse(omega)
        rotated = (x, x * omega % R, x * back % R, x * pow(back, self._last, R) % R)
        domain = Domain(0, 0, 0, 0, 0, rotated)
        return {
            weight: (mask, slot)
            for mask in range(15, 0, -1)
            for slot, weight in lagrange(mask, domain, self._challenges.mu).items()
        }
