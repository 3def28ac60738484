# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title The domain of a Halo2 circuit, and weights of its openings
@license AGPL-3.0-only
@author Model Network
"""

from . import halo2_field as field
from . import halo2_program as programs
from . import halo2_transcript as transcript

# A root of unity of order 2**28, and its inverse.
ROOT: constant(uint256) = 1748695177688661943023146337482803886740723238769601073607632802312037301404
ROOT_INVERSE: constant(uint256) = 2037444462055058054189478067370099086220733342011840546702672064072905551290

# Of a set: the weights of its evaluations at four rotations, and of its points.
STRIDE: constant(uint256) = 5
POINT: constant(uint256) = 4
WEIGHTS: constant(uint256) = 40


struct Domain:
    x_n: uint256
    vanishing: uint256  # x_n - 1, inverted
    l_first: uint256
    l_last: uint256
    l_active: uint256  # 1 on usable rows, 0 on the others
    instance: uint256  # the instances' polynomial at x
    v_0: uint256  # the first set's points vanish here, at mu
    weights: uint256[WEIGHTS]


@view
@internal
def _domain(s: programs.Shape, c: transcript.Challenges, instances: DynArray[uint256, 128]) -> Domain:
    """
    @notice Reverts when a challenge is a point of the domain or an opening point.
    """
    d: Domain = empty(Domain)
    omega: uint256 = field._power(ROOT, 1 << unsafe_sub(programs.MAX_K, s.k))
    back: uint256 = field._power(ROOT_INVERSE, 1 << unsafe_sub(programs.MAX_K, s.k))
    d.x_n = field._power(c.x, 1 << s.k)
    first: uint256 = field._power(back, s.last)
    # x at the rotations: here, next, before, last.
    at: uint256[4] = [
        c.x,
        uint256_mulmod(c.x, omega, field.R),
        uint256_mulmod(c.x, back, field.R),
        uint256_mulmod(c.x, first, field.R),
    ]
    values: uint256[field.MAX_BATCH] = self._denominators(s, c.mu, at)
    count: uint256 = unsafe_mul(STRIDE, s.sets)
    values[count] = field._minus(d.x_n, 1)
    row: uint256 = first
    rows: uint256 = unsafe_add(s.last, max(s.instances, 1))
    for i: uint256 in range(rows, bound=144):
        values[unsafe_add(unsafe_add(count, 1), i)] = field._minus(c.x, row)
        row = uint256_mulmod(row, omega, field.R)
    inverses: uint256[field.MAX_BATCH] = field._invert(values, unsafe_add(unsafe_add(count, 1), rows))
    d.vanishing = inverses[count]
    # A row's Lagrange polynomial at x is (x_n - 1) / n * row / (x - row), and 1 / n is R - (R - 1) / n.
    scaled: uint256 = uint256_mulmod(values[count], field.R - ((field.R - 1) >> s.k), field.R)
    scaled = uint256_mulmod(scaled, first, field.R)
    unusable: uint256 = 0
    for i: uint256 in range(rows, bound=144):
        l: uint256 = uint256_mulmod(scaled, inverses[unsafe_add(unsafe_add(count, 1), i)], field.R)
        scaled = uint256_mulmod(scaled, omega, field.R)
        if i < s.last:
            unusable = uint256_addmod(unusable, l, field.R)
            if i == 0:
                d.l_last = l
        else:
            if i == s.last:
                d.l_first = l
            if s.instances != 0:
                d.instance = uint256_addmod(
                    d.instance, uint256_mulmod(l, instances[unsafe_sub(i, s.last)], field.R), field.R
                )
    d.l_active = field._minus(1, unusable)
    power: uint256 = 1
    for set_: uint256 in range(s.sets, bound=8):
        base: uint256 = unsafe_mul(STRIDE, set_)
        if set_ == 0:
            d.v_0 = values[POINT]
            power = values[POINT]
        for i: uint256 in range(5):
            d.weights[unsafe_add(base, i)] = uint256_mulmod(power, inverses[unsafe_add(base, i)], field.R)
        power = uint256_mulmod(power, c.nu, field.R)
    return d


@pure
@internal
def _denominators(s: programs.Shape, mu: uint256, at: uint256[4]) -> uint256[field.MAX_BATCH]:
    """
    @notice Per set and rotation of it, (mu - point) times the point's distances from the set's others (else
            1); then what vanishes on the set's points, at mu.
    """
    values: uint256[field.MAX_BATCH] = empty(uint256[field.MAX_BATCH])
    masks: uint256 = s.masks
    for set_: uint256 in range(s.sets, bound=8):
        base: uint256 = unsafe_mul(STRIDE, set_)
        vanishing: uint256 = 1
        for i: uint256 in range(4):
            value: uint256 = 1
            if (masks >> i) & 1 == 1:
                value = field._minus(mu, at[i])
                vanishing = uint256_mulmod(vanishing, value, field.R)
                for j: uint256 in range(4):
                    if i != j and (masks >> j) & 1 == 1:
                        value = uint256_mulmod(value, field._minus(at[i], at[j]), field.R)
            values[unsafe_add(base, i)] = value
        values[unsafe_add(base, POINT)] = vanishing
        masks = masks >> 8
    return values
