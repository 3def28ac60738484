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

# Where and under which commitments an element reads.
struct Context:
    j: uint256
    place: operands.Place
    roots: openings.Roots


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
    assert not profile._is_reduction(desc), "opcode"
    if finisher._is_beyond(desc, e):
        return 0
    place: operands.Place = empty(operands.Place)
    place.coordinates = operands._coordinates(desc, e)
    place.count = 1
    context: Context = Context(
        j=j, place=place, roots=openings.Roots(trace=trace_root, depth=depth, input=input, weights=weights)
    )
    return finisher._finish(desc, e, self._acc(desc, context, a, b), weights, p)


@pure
@internal
def _acc(desc: uint256[14], context: Context, a: IOpmlStep.Opening, b: IOpmlStep.Opening) -> int256:
    """
    @return What `finish` gets; less than 2**128 in absolute value.
    """
    opcode: uint256 = profile._opcode(desc)
    if opcode < ADD or opcode > MOVE:
        return 0
    x: Term = self._term(desc, operands.A, context, 0, a)
    if opcode == SQRT:
        return convert(isqrt(convert(max(x.value, 0), uint256)), int256)
    if opcode == LUT or opcode == GATHER:
        return self._looked_up(desc, context, x, b)
    ma: int256 = profile._signed(desc[2], 64, 64)
    mb: int256 = profile._signed(desc[2], 128, 64)
    if opcode == MOVE and x.is_present:
        return unsafe_mul(x.value, ma)
    y: int256 = self._term(desc, operands.B, context, 0, b).value
    if opcode == MOVE:
        return unsafe_mul(y, mb)
    if opcode == ADD:
        return unsafe_add(unsafe_mul(x.value, ma), unsafe_mul(y, mb))
    if opcode == MUL:
        return unsafe_mul(x.value, y)
    return self._quotient(unsafe_mul(x.value, ma), y)


@pure
@internal
def _looked_up(desc: uint256[14], context: Context, x: Term, b: IOpmlStep.Opening) -> int256:
    """
    @return The element of B that LUT or GATHER finds for `x`, less B's zero; 0 for none.
    """
    rows: int256 = convert(profile._bits(desc[2], 192, 48), int256)
    if profile._opcode(desc) == LUT:
        if rows == 0:
            return 0
        clamped: int256 = min(max(x.value, 0), unsafe_sub(rows, 1))
        return self._term(desc, operands.B, context, clamped, b).value
    if not x.is_present or x.value < 0 or x.value >= rows:
        return 0
    offset: int256 = unsafe_mul(x.value, profile._signed(desc[3], 48, 48))
    return self._term(desc, operands.B, context, offset, b).value


@pure
@internal
def _term(desc: uint256[14], operand: uint256, context: Context, offset: int256, opening: IOpmlStep.Opening) -> Term:
    """
    @param operand Where it begins in the descriptor.
    @param offset Elements behind the operand's address.
    """
    code: uint256 = operands._code(desc, operand)
    run: Bytes[256] = operands._read(desc, operand, context.j, context.place, offset, code, context.roots, opening)
    if len(run) == 0:
        return Term(is_present=False, value=0)
    word: uint256 = extract32(concat(run, empty(bytes32)), 0, output_type=uint256)
    value: int256 = unsafe_sub(profile._little_endian(word, 0, code), operands._zero(desc, operand))
    return Term(is_present=True, value=value)


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
