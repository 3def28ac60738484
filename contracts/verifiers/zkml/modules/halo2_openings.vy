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

# Evaluations of a sum or a product, from its first: at x, the next row, the last usable one.
EACH: constant(uint256) = 2**24 + 2**8 + 1
BEHIND: constant(uint256) = 2 * 2**24 + 2**8

POINTS: constant(uint256) = 192


# What each commitment is multiplied with: points of the proof, of the program.
struct Factors:
    points: uint256[POINTS]
    eval: uint256  # what the sum should evaluate to
    power: uint256  # of zeta, for the next commitment that is opened at x only


@pure
@internal
def _combined(
    s: programs.Shape,
    program: DynArray[uint256, programs.MAX_WORDS],
    words: DynArray[uint256, 256],
    c: transcript.Challenges,
    d: domain.Domain,
    quotient: uint256,
) -> uint256[2]:
    """
    @notice The point that pairs with G2.
    """
    t: Factors = self._opened(s, program, words, c.zeta, d.weights)
    t = self._opened_at_x(t, s, words, c.zeta, d, quotient)
    m: uint256 = field.Q
    heads: uint256 = s.w_evals >> 1
    # What the quotients of the openings say.
    t.points[heads] = unsafe_sub(field.R, d.v_0)
    t.points[unsafe_add(heads, 1)] = c.mu
    # Less the evaluations.
    p: uint256[2] = ecmul([1, 2], unsafe_sub(field.R, t.eval))
    at: uint256 = 0
    behind: uint256 = unsafe_add(heads, 2)
    for i: uint256 in range(unsafe_add(behind, unsafe_add(s.fixed_, s.sigmas)), bound=POINTS):
        if i == heads:
            at = s.w_end
        elif i == behind:
            at = s.p_points
        x: uint256 = 0
        y: uint256 = 0
        if i < behind:
            x = words[at]
            y = words[unsafe_add(at, 1)]
        else:
            x = program[at]
            y = program[unsafe_add(at, 1)]
        at = unsafe_add(at, 2)
        # A program may have infinity, which commits to zero; a proof may not.
        if i < behind or x | y != 0:
            # On the curve: a precompile takes all gas for a point that isn't.
            cube: uint256 = uint256_mulmod(x, uint256_mulmod(x, x, m), m)
            assert x < m and y < m and uint256_mulmod(y, y, m) == uint256_addmod(cube, 3, m), "point"
            if t.points[i] == 1:
                p = ecadd(p, [x, y])
            else:
                p = ecadd(p, ecmul([x, y], t.points[i]))
    return p


@pure
@internal
def _opened(
    s: programs.Shape,
    program: DynArray[uint256, programs.MAX_WORDS],
    words: DynArray[uint256, 256],
    zeta: uint256,
    weights: uint256[domain.WEIGHTS],
) -> Factors:
    """
    @notice Advice where the program says, then products, sums and multiplicities of lookups.
    """
    t: Factors = empty(Factors)
    powers: uint256[8] = [1, 1, 1, 1, 1, 1, 1, 1]
    lookups: uint256 = unsafe_add(s.advice, s.products)
    sums: uint256 = s.w_products
    counts: uint256 = s.w_counts
    eval: uint256 = unsafe_sub(unsafe_add(unsafe_add(s.w_late, 1), s.sigmas), s.w_evals)
    seen: uint256 = 0
    for i: uint256 in range(unsafe_add(lookups, unsafe_mul(2, s.lookups)), bound=1024):
        at: uint256 = 0
        set_: uint256 = s.here
        # Numbers of evaluations, a byte for each rotation, and what they are less than.
        places: uint256 = 0
        limit: uint256 = 256
        if i < s.advice:
            places = program[unsafe_add(programs.HEAD, i >> 2)] >> unsafe_mul(64, i & 3)
            at = unsafe_mul(2, places & 255)
            set_ = (places >> 8) & 255
            places = places >> 16
            limit = s.advice_evals
            assert at < s.w_counts
        elif i >= lookups and unsafe_sub(i, lookups) & 1 == 1:
            # Multiplicities, at x.
            at = counts
            counts = unsafe_add(counts, 2)
            places = unsafe_add(eval, 2)
            eval = unsafe_add(eval, 3)
        else:
            # Sums and the last product at x and the next row, other products on the last usable one, too.
            at = sums
            sums = unsafe_add(sums, 2)
            set_ = s.next
            places = unsafe_add(unsafe_mul(eval, EACH), BEHIND)
            if unsafe_add(i, 1) < lookups:
                eval = unsafe_add(eval, 3)
                set_ = s.full
            elif unsafe_add(i, 1) == lookups:
                eval = unsafe_add(eval, 2)
        mask: uint256 = programs._mask(s.masks, set_)
        assert mask != 0
        weight: uint256 = unsafe_mul(domain.STRIDE, set_)
        value: uint256 = 0
        for slot: uint256 in range(4):
            if mask & 1 == 1:
                which: uint256 = places & 255
                assert which < limit
                seen |= 1 << which
                value = field._mul_add(words[unsafe_add(s.w_evals, which)], weights[unsafe_add(weight, slot)], value)
            if mask == 1:
                break
            mask = mask >> 1
            places = places >> 8
        power: uint256 = powers[set_]
        powers[set_] = field._mul_add(power, zeta, 0)
        t.eval = field._mul_add(power, value, t.eval)
        at = at >> 1
        t.points[at] = field._mul_add(power, weights[unsafe_add(weight, domain.POINT)], t.points[at])
    # Each evaluation of advice at least once.
    assert ~seen << unsafe_sub(256, s.advice_evals) == 0
    t.power = powers[s.here]
    return t


@pure
@internal
def _opened_at_x(
    before: Factors,
    s: programs.Shape,
    words: DynArray[uint256, 256],
    zeta: uint256,
    d: domain.Domain,
    quotient: uint256,
) -> Factors:
    """
    @notice Fixed columns, the permutation's, the quotient in its pieces, the random polynomial.
    """
    t: Factors = before
    at: uint256 = unsafe_mul(domain.STRIDE, s.here)
    weight: uint256 = d.weights[at]
    by: uint256 = d.weights[unsafe_add(at, domain.POINT)]
    at = unsafe_add(s.w_evals >> 1, 2)
    # Evaluations: advice, fixed columns, the random polynomial, permutation columns.
    eval: uint256 = unsafe_add(s.w_evals, s.advice_evals)
    total: uint256 = 0
    for i: uint256 in range(unsafe_add(s.fixed_, s.sigmas), bound=255):
        if eval == s.w_late:
            eval = unsafe_add(eval, 1)
        total = field._mul_add(t.power, words[eval], total)
        t.points[at] = field._mul_add(t.power, by, 0)
        t.power = field._mul_add(t.power, zeta, 0)
        at = unsafe_add(at, 1)
        eval = unsafe_add(eval, 1)
    total = field._mul_add(t.power, quotient, total)
    power: uint256 = field._mul_add(t.power, by, 0)
    at = s.w_quotients >> 1
    for i: uint256 in range(s.quotients, bound=255):
        t.points[at] = power
        power = field._mul_add(power, d.x_n, 0)
        at = unsafe_add(at, 1)
    t.power = field._mul_add(t.power, zeta, 0)
    total = field._mul_add(t.power, words[s.w_late], total)
    t.points[s.w_random >> 1] = field._mul_add(t.power, by, 0)
    t.eval = field._mul_add(total, weight, t.eval)
    return t
