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

# A root of unity of order 2**28.
ROOT: constant(uint256) = 1748695177688661943023146337482803886740723238769601073607632802312037301404

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
    @notice Reverts when a challenge is a point of the domain or an opening point, or when there are more
            instances than usable rows.
    """
    r: uint256 = field.R
    d: Domain = empty(Domain)
    n: uint256 = 1 << s.k
    omega: uint256 = field._power(ROOT, 1 << unsafe_sub(programs.MAX_K, s.k))
    d.x_n = field._power(c.x, n)
    first: uint256 = field._power(omega, unsafe_sub(n, s.last))
    # x at the rotations: here, next, before, last.
    at: uint256[4] = [
        c.x,
        uint256_mulmod(c.x, omega, r),
        uint256_mulmod(c.x, field._power(omega, unsafe_sub(n, 1)), r),
        uint256_mulmod(c.x, first, r),
    ]
    values: uint256[field.MAX_BATCH] = self._denominators(s, c.mu, at)
    # Behind them what vanishes on the domain, and x less each row from the last usable one on.
    start: uint256 = unsafe_mul(STRIDE, s.sets)
    values[start] = field._minus(d.x_n, 1)
    rows: uint256 = unsafe_add(s.last, s.instances)
    assert rows <= n
    row: uint256 = first
    i: uint256 = start
    for _: uint256 in range(rows, bound=144):
        i = unsafe_add(i, 1)
        values[i] = field._minus(c.x, row)
        row = uint256_mulmod(row, omega, r)
    inverses: uint256[field.MAX_BATCH] = field._invert(values, unsafe_add(i, 1))
    d.vanishing = inverses[start]
    # A row's Lagrange polynomial at x is (x_n - 1) / n * row / (x - row), and 1 / n is R - (R - 1) / n.
    scaled: uint256 = uint256_mulmod(values[start], field.R - ((field.R - 1) >> s.k), r)
    scaled = uint256_mulmod(scaled, first, r)
    d.l_active = 1
    i = start
    for j: uint256 in range(rows, bound=144):
        i = unsafe_add(i, 1)
        l: uint256 = uint256_mulmod(scaled, inverses[i], r)
        scaled = uint256_mulmod(scaled, omega, r)
        if j == 0:
            d.l_last = l
        if j == s.last:
            d.l_first = l
        if j < s.last:
            d.l_active = field._minus(d.l_active, l)
        else:
            d.instance = field._mul_add(l, instances[unsafe_sub(j, s.last)], d.instance)
    d.v_0 = values[POINT]
    power: uint256 = d.v_0
    for j: uint256 in range(start, bound=WEIGHTS):
        d.weights[j] = uint256_mulmod(power, inverses[j], r)
        if j % STRIDE == POINT:
            power = uint256_mulmod(power, c.nu, r)
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
