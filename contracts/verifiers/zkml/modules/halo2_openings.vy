# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title Openings of a Halo2 proof
@license AGPL-3.0-only
@author Model Network
@notice Folds every commitment of the proof and of the program, with its evaluations, into one point.
"""

from . import halo2_domain as domain
from . import halo2_field as field
from . import halo2_program as programs
from . import halo2_transcript as transcript


# Commitments that are opened on the same rows, from the last to the first, by powers of zeta.
struct Fold:
    x: uint256
    y: uint256
    by: uint256  # what the point is multiplied with before the next one
    evals: uint256[4]  # here, next, before, last


@pure
@internal
def _combined(
    s: programs.Shape,
    program: DynArray[uint256, 256],
    words: DynArray[uint256, 256],
    c: transcript.Challenges,
    d: domain.Domain,
    quotient: uint256,
) -> uint256[2]:
    """
    @notice The point that pairs with G2.
    """
    folds: Fold[8] = empty(Fold[8])
    folds[s.here] = self._at_x(s, program, words, c.zeta, d.x_n, quotient)
    at: uint256 = s.w_random
    counts: uint256 = s.w_products
    eval: uint256 = s.w_end

    # Lookups: sums at x and the next row, multiplicities at x.
    for _: uint256 in range(s.lookups, bound=128):
        at = unsafe_sub(at, 2)
        counts = unsafe_sub(counts, 2)
        eval = unsafe_sub(eval, 3)
        folds[s.here] = self._fold(
            folds[s.here], c.zeta, words[counts], words[unsafe_add(counts, 1)], [words[unsafe_add(eval, 2)], 0, 0, 0]
        )
        folds[s.next] = self._fold(
            folds[s.next], c.zeta, words[at], words[unsafe_add(at, 1)], [words[eval], words[unsafe_add(eval, 1)], 0, 0]
        )
    # Products: the last one at x and the next row, the others also on the last usable row.
    at = s.w_sums
    eval = unsafe_sub(eval, 2)
    set_: uint256 = s.next
    last: uint256 = 0
    for _: uint256 in range(s.products, bound=128):
        at = unsafe_sub(at, 2)
        folds[set_] = self._fold(
            folds[set_], c.zeta, words[at], words[unsafe_add(at, 1)], [words[eval], words[unsafe_add(eval, 1)], 0, last]
        )
        set_ = s.full
        eval = unsafe_sub(eval, 3)
        last = words[unsafe_add(eval, 2)]

    # Advice, where the program says; each evaluation at least once.
    seen: uint256 = 0
    for i: uint256 in range(s.openings, bound=255):
        o: uint256 = unsafe_sub(unsafe_sub(s.openings, 1), i)
        opening: uint256 = program[unsafe_add(programs.HEAD, o >> 2)] >> unsafe_mul(64, o & 3)
        column: uint256 = unsafe_mul(2, opening & 255)
        set_ = (opening >> 8) & 255
        mask: uint256 = programs._mask(s.masks, set_)
        assert column < s.w_counts and mask != 0
        evals: uint256[4] = empty(uint256[4])
        for slot: uint256 in range(4):
            which: uint256 = (opening >> unsafe_add(16, unsafe_mul(8, slot))) & 255
            if (mask >> slot) & 1 == 1:
                assert which < s.advice_evals
                seen |= 1 << which
                evals[slot] = words[unsafe_add(s.w_evals, which)]
        folds[set_] = self._fold(folds[set_], c.zeta, words[column], words[unsafe_add(column, 1)], evals)
    assert seen == (1 << s.advice_evals) - 1

    # All sets, less the evaluations, less what the quotients of the openings say.
    p: uint256[2] = empty(uint256[2])
    value: uint256 = 0
    for i: uint256 in range(s.sets, bound=8):
        f: Fold = folds[i]
        weight: uint256 = unsafe_mul(domain.STRIDE, i)
        for slot: uint256 in range(4):
            value = field._mul_add(f.evals[slot], d.weights[unsafe_add(weight, slot)], value)
        p = self._mul_add(p, f.x, f.y, d.weights[unsafe_add(weight, domain.POINT)])
    at = s.w_end
    p = self._mul_add(p, 1, 2, unsafe_sub(field.R, value))
    p = self._mul_add(p, words[at], words[unsafe_add(at, 1)], unsafe_sub(field.R, d.v_0))
    return self._mul_add(p, words[unsafe_add(at, 2)], words[unsafe_add(at, 3)], c.mu)


@pure
@internal
def _at_x(
    s: programs.Shape,
    program: DynArray[uint256, 256],
    words: DynArray[uint256, 256],
    zeta: uint256,
    x_n: uint256,
    quotient: uint256,
) -> Fold:
    """
    @notice What is opened at x only, from the random polynomial and the quotient to the fixed columns.
    """
    at: uint256 = s.w_evals
    p: uint256[2] = empty(uint256[2])
    for _: uint256 in range(s.quotients, bound=128):
        at = unsafe_sub(at, 2)
        p = self._mul_add([words[at], words[unsafe_add(at, 1)]], p[0], p[1], x_n)
    # Evaluations: advice, fixed columns, the random polynomial, permutation columns.
    eval: uint256 = unsafe_add(s.w_evals, unsafe_add(s.advice_evals, s.fixed_))
    f: Fold = Fold(x=words[unsafe_sub(at, 2)], y=words[unsafe_sub(at, 1)], by=zeta, evals=[words[eval], 0, 0, 0])
    f = self._fold(f, zeta, p[0], p[1], [quotient, 0, 0, 0])
    commitments: uint256 = unsafe_add(s.fixed_, s.sigmas)
    at = unsafe_add(s.p_points, unsafe_mul(2, commitments))
    eval = unsafe_add(eval, unsafe_add(s.sigmas, 1))
    for i: uint256 in range(commitments, bound=128):
        at = unsafe_sub(at, 2)
        eval = unsafe_sub(eval, 1)
        if i == s.sigmas:
            # Past the random polynomial.
            eval = unsafe_sub(eval, 1)
        f = self._fold(f, zeta, program[at], program[unsafe_add(at, 1)], [words[eval], 0, 0, 0])
    return f


@pure
@internal
def _fold(f: Fold, zeta: uint256, x: uint256, y: uint256, evals: uint256[4]) -> Fold:
    """
    @notice With one commitment more.
    """
    g: Fold = f
    g.evals[0] = field._mul_add(f.evals[0], zeta, evals[0])
    if evals[1] | evals[2] | evals[3] | f.evals[1] | f.evals[2] | f.evals[3] != 0:
        g.evals[1] = field._mul_add(f.evals[1], zeta, evals[1])
        g.evals[2] = field._mul_add(f.evals[2], zeta, evals[2])
        g.evals[3] = field._mul_add(f.evals[3], zeta, evals[3])
    if x | y == 0:
        # Infinity commits to zero.
        g.by = uint256_mulmod(f.by, zeta, field.R)
        return g
    g.by = zeta
    p: uint256[2] = self._mul_add([x, y], f.x, f.y, f.by)
    g.x = p[0]
    g.y = p[1]
    return g


@pure
@internal
def _mul_add(p: uint256[2], x: uint256, y: uint256, by: uint256) -> uint256[2]:
    """
    @notice p + by * (x, y).
    """
    if x | y == 0:
        return p
    if by == 1:
        return ecadd(p, [x, y])
    return ecadd(p, ecmul([x, y], by))
