# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title The step of elementwise nodes
@license AGPL-3.0-only
@author Model Network
@notice One element of ADD, MUL, DIV, SQRT, LUT, GATHER, MOVE and of nodes whose opcode means nothing;
        see IOpmlStep.
"""

from interfaces import IOpmlStep
from .modules import opml_finish as finisher
from .modules import opml_openings as openings
from .modules import opml_operands as operands
from .modules import opml_profile as profile

ADD: constant(uint256) = 5
MUL: constant(uint256) = 6
DIV: constant(uint256) = 7
SQRT: constant(uint256) = 8
LUT: constant(uint256) = 9
GATHER: constant(uint256) = 10
MOVE: constant(uint256) = 11

# An element of an operand less the operand's zero; nothing is 0.
struct Term:
    is_present: bool
    value: int256


@external
@view
def element(
    desc: uint256[14],
    j: uint256,
    e: uint256,
    trace_root: bytes32,
    depth: uint256,
    input: bytes32,
    weights: bytes32,
    a: IOpmlStep.Opening,
    b: IOpmlStep.Opening,
    p: IOpmlStep.Opening,
) -> int256:
    """
    @notice See IOpmlStep.
    """
    opcode: uint256 = desc[0] & 255
    assert opcode < profile.DOT or opcode > profile.ARGMAX, "opcode"
    if finisher._is_beyond(desc, e):
        return 0
    roots: openings.Roots = openings.Roots(trace=trace_root, depth=depth, input=input, weights=weights)
    acc: int256 = 0
    if opcode >= ADD and opcode <= MOVE:
        place: operands.Place = empty(operands.Place)
        place.coordinates = operands._coordinates(desc[1], e)
        place.count = 1
        run: Bytes[256] = openings._read(operands._locate(desc, operands.A, j, place, 0), roots, a)
        x: Term = self._term(desc[operands.A], run)
        y: Term = empty(Term)
        reads_b: bool = False
        offset: int256 = 0
        reads_b, offset = self._lookup(desc, opcode, x)
        if reads_b:
            run = openings._read(operands._locate(desc, operands.B, j, place, offset), roots, b)
            y = self._term(desc[operands.B], run)
        acc = self._acc(opcode, desc[2], x, y)
    return finisher._finish(desc, acc, openings._read(finisher._record(desc, e), roots, p))


@pure
@internal
def _term(operand: uint256, run: Bytes[256]) -> Term:
    """
    @param operand Its first word.
    @param run The element's bytes, or nothing.
    """
    if len(run) == 0:
        return empty(Term)
    word: uint256 = extract32(concat(run, empty(bytes32)), 0, output_type=uint256)
    value: int256 = profile._little_endian(word, 0, (operand >> 8) & 3)
    return Term(is_present=True, value=unsafe_sub(value, operands._zero(operand)))


@pure
@internal
def _lookup(desc: uint256[14], opcode: uint256, x: Term) -> (bool, int256):
    """
    @param x The element of A.
    @return Whether B is read at all, and how many elements behind its address.
    """
    if opcode == SQRT:
        return False, 0
    if opcode == MOVE:
        return not x.is_present, 0
    if opcode != LUT and opcode != GATHER:
        return True, 0
    rows: int256 = convert(profile._bits(desc[2], 192, 48), int256)
    if opcode == LUT:
        return rows != 0, min(max(x.value, 0), unsafe_sub(rows, 1))
    is_row: bool = x.is_present and x.value >= 0 and x.value < rows
    return is_row, unsafe_mul(x.value, profile._signed(desc[3], 48, 48))


@pure
@internal
def _acc(opcode: uint256, factors: uint256, x: Term, y: Term) -> int256:
    """
    @param opcode ADD to MOVE.
    @param factors Word 2 of the descriptor.
    @param y The element of B; 0 when it was not read.
    @return What `finish` gets, less than 2**128 in absolute value.
    """
    if opcode == MUL:
        return unsafe_mul(x.value, y.value)
    if opcode == SQRT:
        return convert(isqrt(convert(max(x.value, 0), uint256)), int256)
    if opcode == LUT or opcode == GATHER:
        return y.value
    ax: int256 = unsafe_mul(x.value, profile._signed(factors, 64, 64))
    if opcode == DIV:
        return self._quotient(ax, y.value)
    # Of MOVE one operand is 0.
    return unsafe_add(ax, unsafe_mul(y.value, profile._signed(factors, 128, 64)))


@pure
@internal
def _quotient(x: int256, y: int256) -> int256:
    """
    @return x / y, rounded to the nearest, halves up; 0 unless y is positive.
    """
    if y <= 0:
        return 0
    n: int256 = unsafe_add(x, y // 2)
    quotient: int256 = unsafe_div(n, y)
    # The machine rounds towards zero.
    if unsafe_mul(quotient, y) > n:
        quotient = unsafe_sub(quotient, 1)
    return quotient
