# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title The identity that a Halo2 proof claims at x
@license AGPL-3.0-only
@author Model Network
@notice Gates and expressions are the program's; the permutation and lookup arguments are fixed.
"""

from . import halo2_domain as domain
from . import halo2_field as field
from . import halo2_program as programs
from . import halo2_transcript as transcript

# Registers: zero, theta, the instances' polynomial, evaluations of advice and fixed columns, constants,
# then one for each result: an operation has no say where it goes. What else the proof evaluates is
# committed to after challenges of the arguments; no program can read it.
INSTANCE: constant(uint256) = 2
FIRST_EVAL: constant(uint256) = 3
REGISTERS: constant(uint256) = 384
MAX_OP_WORDS: constant(uint256) = 128

# An operation on a, b and c: a * b + c, else a * (b - c); and whether that is a constraint.
ADD: constant(uint256) = 1
GATE: constant(uint256) = 2

# What one column's identity polynomial is to the next one's.
DELTA: constant(uint256) = 4131629893567559867359510883348571134090853742863529169391034518566172092834


@pure
@internal
def _quotient(
    s: programs.Shape,
    program: DynArray[uint256, programs.MAX_WORDS],
    words: DynArray[uint256, 256],
    c: transcript.Challenges,
    d: domain.Domain,
) -> uint256:
    """
    @notice Its value at x.
    """
    r: uint256 = field.R
    m: uint256[REGISTERS] = empty(uint256[REGISTERS])
    m[1] = c.theta
    m[INSTANCE] = d.instance
    at: uint256 = FIRST_EVAL
    for i: uint256 in range(s.w_evals, s.w_late, bound=256):
        m[at] = words[i]
        at = unsafe_add(at, 1)
    for i: uint256 in range(s.p_constants, s.p_ops, bound=256):
        a: uint256 = program[i]
        field._check(a)
        m[at] = a
        at = unsafe_add(at, 1)

    folded: uint256 = 0
    for i: uint256 in range(s.p_ops, s.p_points, bound=MAX_OP_WORDS):
        ops: uint256 = program[i]
        for _: uint256 in range(8):
            if ops == 0:
                break
            a: uint256 = m[ops & 1023]
            b: uint256 = m[(ops >> 10) & 1023]
            value: uint256 = m[(ops >> 20) & 1023]
            kind: uint256 = ops >> 30
            ops = ops >> 32
            if kind & ADD != 0:
                value = uint256_addmod(uint256_mulmod(a, b, r), value, r)
            else:
                value = uint256_mulmod(a, uint256_addmod(b, unsafe_sub(r, value), r), r)
            if kind & GATE != 0:
                folded = field._mul_add(folded, c.y, value)
            else:
                m[at] = value
                at = unsafe_add(at, 1)
    folded = self._permutation(s, program, words, m, c, d, folded)
    folded = self._lookups(s, program, words, m, c, d, folded)
    return uint256_mulmod(folded, d.vanishing, r)


@pure
@internal
def _permutation(
    s: programs.Shape,
    program: DynArray[uint256, programs.MAX_WORDS],
    words: DynArray[uint256, 256],
    m: uint256[REGISTERS],
    c: transcript.Challenges,
    d: domain.Domain,
    before: uint256,
) -> uint256:
    """
    @notice `before`, folded with the permutation argument's constraints.
    """
    r: uint256 = field.R
    sigma: uint256 = unsafe_add(s.w_late, 1)
    z: uint256 = unsafe_add(sigma, s.sigmas)
    # Of the last product at x, which is 0 or 1 on the last row.
    value: uint256 = words[unsafe_sub(s.w_lookups, 2)]
    folded: uint256 = field._constrain(before, c.y, d.l_first, field._minus(1, words[z]))
    folded = field._constrain(folded, c.y, d.l_last, field._mul_add(value, value, unsafe_sub(r, value)))
    for i: uint256 in range(1, s.products, bound=128):
        at: uint256 = unsafe_add(z, unsafe_mul(3, i))
        value = field._minus(words[at], words[unsafe_sub(at, 1)])
        folded = field._constrain(folded, c.y, d.l_first, value)

    left: uint256 = 0
    right: uint256 = 0
    left_over: uint256 = 0
    identity: uint256 = field._mul_add(c.beta, c.x, 0)
    columns: uint256 = 0
    seen: uint256 = 0
    for i: uint256 in range(s.sigmas, bound=255):
        if i & 15 == 0:
            columns = program[unsafe_add(s.p_columns, i >> 4)]
        if left_over == 0:
            left_over = s.chunk
            left = words[unsafe_add(z, 1)]
            right = words[z]
            z = unsafe_add(z, 3)
        seen |= 1 << (columns & 1023)
        value = uint256_addmod(m[columns & 1023], c.gamma, r)
        columns = columns >> 16
        left = uint256_mulmod(left, field._mul_add(c.beta, words[sigma], value), r)
        right = uint256_mulmod(right, uint256_addmod(value, identity, r), r)
        identity = uint256_mulmod(identity, DELTA, r)
        sigma = unsafe_add(sigma, 1)
        left_over = unsafe_sub(left_over, 1)
        if left_over == 0 or i == unsafe_sub(s.sigmas, 1):
            folded = field._constrain(folded, c.y, d.l_active, field._minus(left, right))
    assert seen & (1 << INSTANCE) != 0
    return folded


@pure
@internal
def _lookups(
    s: programs.Shape,
    program: DynArray[uint256, programs.MAX_WORDS],
    words: DynArray[uint256, 256],
    m: uint256[REGISTERS],
    c: transcript.Challenges,
    d: domain.Domain,
    before: uint256,
) -> uint256:
    """
    @notice `before`, folded with the constraints of lookups: a sum begins and ends with 0, and grows by
            1 / (input + beta) of each input, less the multiplicity / (table + beta).
    """
    r: uint256 = field.R
    folded: uint256 = before
    at: uint256 = s.w_lookups
    for i: uint256 in range(s.p_lookups, s.p_constants, bound=128):
        rest: uint256 = program[i]
        table: uint256 = uint256_addmod(m[rest & 1023], c.beta, r)
        inputs: uint256 = 1
        total: uint256 = 0
        for _: uint256 in range(15):
            rest = rest >> 16
            if rest == 0:
                break
            value: uint256 = uint256_addmod(m[rest & 1023], c.beta, r)
            total = field._mul_add(total, value, inputs)
            inputs = uint256_mulmod(inputs, value, r)
        phi: uint256 = words[at]
        # Times all denominators.
        grown: uint256 = field._mul_add(inputs, field._minus(words[unsafe_add(at, 1)], phi), unsafe_sub(r, total))
        grown = field._mul_add(table, grown, field._mul_add(words[unsafe_add(at, 2)], inputs, 0))
        folded = field._constrain(folded, c.y, d.l_first, phi)
        folded = field._constrain(folded, c.y, d.l_last, phi)
        folded = field._constrain(folded, c.y, d.l_active, grown)
        at = unsafe_add(at, 3)
    return folded
