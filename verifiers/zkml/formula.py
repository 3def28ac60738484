# SPDX-License-Identifier: Apache-2.0
"""What the verifier on chain computes for a program, in Python: points stay names with factors.

The contract folds commitments point by point; here the same sum is written down as factors, so that
two verifiers can be compared by comparing them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from eth_utils.crypto import keccak

from verifiers.zkml.field import DELTA, G1, INFINITY, MAX_K, ROOT, Point, R, inverse
from verifiers.zkml.program import Header, Kind, Program, slots

# A commitment: the word at which a point of the proof begins, or a point of the program, or G1.
Commitment = int | Point
Sum = dict[Commitment, int]


@dataclass(frozen=True)
class Challenges:
    theta: int
    beta: int
    gamma: int
    y: int
    x: int
    zeta: int
    nu: int
    mu: int


@dataclass(frozen=True)
class Domain:
    """Lagrange values and the instances' polynomial at x, and x at four rotations."""

    x_n: int
    first: int
    last: int
    active: int
    instance: int
    rotated: tuple[int, int, int, int]


def challenges(program: Program, proof: Sequence[int], instances: Sequence[int]) -> Challenges:
    """Drawn from everything but the last point of the proof."""
    header = program.header
    points = (
        header.advice,
        header.lookups,
        header.products + header.lookups + 1,
        header.quotients,
    )
    drawn, state, at = [], [program.digest, *instances], 0
    for number, size in enumerate([*(2 * count for count in points), header.evals, 2]):
        state += proof[at : at + size]
        at += size
        text = b"".join(word.to_bytes(32, "big") for word in state)
        hashed = keccak(text if len(state) > 1 else text + b"\1")
        drawn.append(int.from_bytes(hashed, "big") % R)
        if number in (1, 4):
            hashed = keccak(hashed + b"\1")
            drawn.append(int.from_bytes(hashed, "big") % R)
        state = [int.from_bytes(hashed, "big")]
    return Challenges(*drawn)


def domain(header: Header, x: int, instances: Sequence[int]) -> Domain:
    """Raises ValueError when x is in the domain."""
    omega = pow(ROOT, 1 << MAX_K - header.k, R)
    x_n = pow(x, 1 << header.k, R)
    scale = (x_n - 1) * inverse(1 << header.k) % R
    rows = [pow(omega, i, R) for i in range(-header.last, max(len(instances), 1))]
    values = [scale * row * inverse((x - row) % R) % R for row in rows]
    unusable, usable = values[: header.last], values[header.last :]
    return Domain(
        x_n,
        usable[0],
        values[0],
        (1 - sum(unusable)) % R,
        sum(a * b for a, b in zip(usable, instances, strict=False)) % R,
        (x, x * omega % R, x * pow(omega, -1, R) % R, x * pow(omega, -header.last, R) % R),
    )


def quotient(program: Program, evals: Sequence[int], c: Challenges, d: Domain) -> int:
    """The identity's value at x over what vanishes on the domain."""
    readable = evals[: program.header.advice_evals + program.header.fixed]
    registers = [0, c.theta, d.instance, *readable, *program.constants]
    constraints: list[int] = []
    for op in program.ops:
        a, b, constant = (registers[i] for i in (op.a, op.b, op.c))
        value = a * b + constant if op.kind & Kind.MUL_ADD else a * (b - constant)
        (constraints if op.kind & Kind.GATE_SUB else registers).append(value % R)
    constraints += _permutation(program, registers, evals, c, d)
    constraints += _lookups(program, registers, evals, c, d)
    folded = 0
    for constraint in constraints:
        folded = (folded * c.y + constraint) % R
    return folded * inverse(d.x_n - 1) % R


def _permutation(
    program: Program, m: Sequence[int], evals: Sequence[int], c: Challenges, d: Domain
) -> list[int]:
    header = program.header
    sigma = header.advice_evals + header.fixed + 1
    z = [sigma + header.sigmas + 3 * i for i in range(header.products)]
    end = evals[z[-1]]
    found = [d.first * (1 - evals[z[0]]), d.last * (end * end - end)]
    found += [d.first * (evals[after] - evals[before + 2]) for before, after in pairwise(z)]
    for number, at in enumerate(z):
        left, right = evals[at + 1], evals[at]
        of_chunk = range(number * header.chunk, min((number + 1) * header.chunk, header.sigmas))
        for i in of_chunk:
            value = m[program.columns[i]] + c.gamma
            left = left * (value + c.beta * evals[sigma + i]) % R
            right = right * (value + c.beta * c.x * pow(DELTA, i, R)) % R
        found.append(d.active * (left - right))
    return found


def _lookups(
    program: Program, m: Sequence[int], evals: Sequence[int], c: Challenges, d: Domain
) -> list[int]:
    header = program.header
    at = header.evals - 3 * header.lookups
    found = []
    for lookup in program.lookups:
        phi, after, count = evals[at : at + 3]
        table, inputs, total = m[lookup.table] + c.beta, 1, 0
        for register in lookup.inputs:
            value = m[register] + c.beta
            total = (total * value + inputs) % R
            inputs = inputs * value % R
        difference = table * inputs * (after - phi) - (table * total - count * inputs)
        found += [d.first * phi, d.last * phi, d.active * difference]
        at += 3
    return found


@dataclass
class _Set:
    """Commitments of a set in order, with an evaluation for each of its rotations."""

    mask: int
    commitments: list[Commitment]
    evals: dict[int, list[int]]

    def append(self, commitment: Commitment, *evals: int) -> None:
        self.commitments.append(commitment)
        for slot, value in zip(slots(self.mask), evals, strict=True):
            self.evals[slot].append(value)


def _openings(program: Program, proof: Sequence[int], x_n: int, value: int) -> list[_Set]:
    """Every commitment with its evaluations; the quotient's has the number -1."""
    header = program.header
    sets = [_Set(mask, [], defaultdict(list)) for mask in program.sets]
    evals = list(proof[2 * header.heads : 2 * header.heads + header.evals])
    for opening in program.openings:
        opened = sets[opening.number]
        opened.append(2 * opening.column, *(evals[opening.evals[i]] for i in slots(opened.mask)))
    at = header.advice_evals + header.fixed + 1 + header.sigmas
    point = header.advice + header.lookups
    for i in range(header.products - 1):
        sets[header.full].append(2 * (point + i), *evals[at : at + 3])
        at += 3
    point += header.products
    sets[header.next].append(2 * (point - 1), *evals[at : at + 2])
    at += 2
    for i in range(header.lookups):
        sets[header.next].append(2 * (point + i), *evals[at : at + 2])
        sets[header.here].append(2 * (header.advice + i), evals[at + 2])
        at += 3
    random = header.advice_evals + header.fixed
    fixed, sigmas = evals[header.advice_evals : random], evals[random + 1 :]
    for commitment, opened_at in zip(program.fixed + program.sigmas, fixed + sigmas, strict=False):
        sets[header.here].append(commitment, opened_at)
    sets[header.here].append(-1, value)
    sets[header.here].append(2 * (point + header.lookups), evals[random])
    return sets


def combined(
    program: Program, proof: Sequence[int], instances: Sequence[int], c: Challenges
) -> Sum:
    """The commitments that pair with G2. Raises ValueError at challenges that are no use."""
    header = program.header
    d = domain(header, c.x, instances)
    evals = proof[2 * header.heads : 2 * header.heads + header.evals]
    sets = _openings(program, proof, d.x_n, quotient(program, evals, c, d))
    total: Sum = defaultdict(int)
    vanishing = [_vanishing(opened.mask, d, c.mu) for opened in sets]
    for number, opened in enumerate(sets):
        factor = pow(c.nu, number, R) * vanishing[0] * inverse(vanishing[number]) % R
        weights = lagrange(opened.mask, d, c.mu)
        for i, commitment in enumerate(opened.commitments):
            by = factor * pow(c.zeta, i, R) % R
            value = sum(weights[slot] * opened.evals[slot][i] for slot in weights)
            total[commitment] += by
            total[G1] -= by * value
    for i, factor in enumerate(_powers(d.x_n, header.quotients)):
        total[2 * (header.heads - header.quotients + i)] += total[-1] * factor
    del total[-1]
    end = header.proof_words
    total[end - 4] -= vanishing[0]
    total[end - 2] += c.mu
    return {key: value % R for key, value in total.items() if value % R and key != INFINITY}


def _powers(base: int, count: int) -> list[int]:
    return [pow(base, i, R) for i in range(count)]


def _vanishing(mask: int, d: Domain, mu: int) -> int:
    product = 1
    for slot in slots(mask):
        product = product * (mu - d.rotated[slot]) % R
    return product


def lagrange(mask: int, d: Domain, mu: int) -> dict[int, int]:
    """At mu, of a set's points: weights of the evaluations."""
    weights = {}
    for slot in slots(mask):
        weights[slot] = 1
        for other in slots(mask):
            if other != slot:
                distance = inverse((d.rotated[slot] - d.rotated[other]) % R)
                weights[slot] = weights[slot] * (mu - d.rotated[other]) * distance % R
    return weights
