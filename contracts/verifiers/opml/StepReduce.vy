# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title The step of reductions
@license AGPL-3.0-only
@author Model Network
@notice One block of DOT, SUM, MAX or ARGMAX, and what an accumulator becomes; see IOpmlStep.
"""

from interfaces import IOpmlStep
from .modules import opml_finish as finisher
from .modules import opml_openings as openings
from .modules import opml_operands as operands
from .modules import opml_profile as profile

# What a block counts that reads nothing, where the greatest is sought.
LEAST: constant(int256) = -(2**63)

# 0x000000ff000000ff.., 0x00ff00ff.., 0x00010001..
EVERY_FOURTH: constant(uint256) = max_value(uint256) // (2**32 - 1) * 255
EVERY_SECOND: constant(uint256) = max_value(uint256) // (2**16 - 1) * 255
ONES: constant(uint256) = max_value(uint256) // (2**16 - 1)
# The lower half of each 128 and of each 64 bits.
LOW_64: constant(uint256) = max_value(uint256) // (2**128 - 1) * (2**64 - 1)
LOW_32: constant(uint256) = max_value(uint256) // (2**64 - 1) * (2**32 - 1)


@external
@view
def block_value(
    desc: uint256[14],
    j: uint256,
    e: uint256,
    k: uint256,
    trace_root: bytes32,
    depth: uint256,
    input: bytes32,
    weights: bytes32,
    a: IOpmlStep.Opening,
    b: IOpmlStep.Opening,
) -> int256:
    """
    @notice See IOpmlStep.
    """
    opcode: uint256 = desc[0] & 255
    assert opcode >= profile.DOT and opcode <= profile.ARGMAX, "opcode"
    roots: openings.Roots = openings.Roots(trace=trace_root, depth=depth, input=input, weights=weights)
    place: operands.Place = self._place(desc[0], desc[1], e, k)
    run: Bytes[256] = openings._read(operands._locate(desc, operands.A, j, place, 0), roots, a)
    if opcode != profile.DOT:
        return self._reduced(opcode, desc[operands.A], k, run)
    other: Bytes[256] = openings._read(operands._locate(desc, operands.B, j, place, 0), roots, b)
    if len(run) == 0 or len(other) == 0:
        return 0
    return self._dot(run, other, operands._zero(desc[operands.A]), operands._zero(desc[operands.B]))


@external
@view
def finish(desc: uint256[14], e: uint256, acc: int256, weights: bytes32, p: IOpmlStep.Opening) -> int256:
    """
    @notice See IOpmlStep.
    """
    if finisher._is_beyond(desc, e):
        return 0
    roots: openings.Roots = empty(openings.Roots)
    roots.weights = weights
    return finisher._finish(desc, acc, openings._read(finisher._record(desc, e), roots, p))


@pure
@internal
def _place(head: uint256, shape: uint256, e: uint256, k: uint256) -> operands.Place:
    """
    @notice Where block `k` of element `e` looks: blocks of a tap first, then t2, t1, t0. Reverts when the
            node has no such block.
    @param head Word 0 of the descriptor.
    @param shape Word 1 of the descriptor.
    """
    lanes: uint256 = profile._block_lanes(head)
    per_tap: uint256 = profile._blocks_per_tap(head)
    place: operands.Place = empty(operands.Place)
    place.coordinates = operands._coordinates(shape, e)
    place.position = unsafe_mul(k % per_tap, lanes)
    place.count = min(lanes, unsafe_sub(profile._lanes(head), place.position))
    tap: uint256 = unsafe_div(k, per_tap)
    for i: uint256 in range(3):
        axis: uint256 = unsafe_sub(2, i)
        size: uint256 = profile._taps(shape, axis)
        place.taps[axis] = convert(tap % size, int256)
        tap = unsafe_div(tap, size)
    assert tap == 0 and k < profile.MAX_BLOCKS, "block"
    return place


@pure
@internal
def _reduced(opcode: uint256, operand: uint256, k: uint256, run: Bytes[256]) -> int256:
    """
    @param operand The first word of A.
    @return The value of a block of SUM, MAX or ARGMAX.
    """
    code: uint256 = (operand >> 8) & 3
    zero: int256 = operands._zero(operand)
    total: int256 = 0
    greatest: int256 = min_value(int256)
    # So that each element can be read with the 32 bytes from where it begins.
    data: Bytes[288] = concat(run, empty(bytes32))
    for i: uint256 in range(len(run) >> code, bound=32):
        word: uint256 = extract32(data, i << code, output_type=uint256)
        x: int256 = unsafe_sub(profile._little_endian(word, 0, code), zero)
        total = unsafe_add(total, x)
        if opcode == profile.ARGMAX:
            lane: uint256 = unsafe_add(k << 5, i)
            x = unsafe_add(x << 32, convert(unsafe_sub(profile.MASK_32, lane), int256))
        greatest = max(greatest, x)
    if opcode == profile.SUM:
        return total
    return LEAST if len(run) == 0 else greatest


@pure
@internal
def _dot(a: Bytes[256], b: Bytes[256], za: int256, zb: int256) -> int256:
    """
    @param a As many bytes as `b`, at least one.
    @return The sum of (a - za) * (b - zb).
    """
    n: uint256 = len(a)
    # With zeros behind the end, which add nothing to the sums below.
    left: Bytes[288] = concat(a, empty(bytes32))
    right: Bytes[288] = concat(b, empty(bytes32))
    products: uint256 = 0
    sums_a: uint256 = 0
    sums_b: uint256 = 0
    for i: uint256 in range(unsafe_add(n, 31) >> 5, bound=8):
        x: uint256 = extract32(left, i << 5, output_type=uint256)
        y: uint256 = extract32(right, i << 5, output_type=uint256)
        # Sixteen sums of 16 bits each; 255 * 2 * 8 fits.
        sums_a = unsafe_add(sums_a, unsafe_add(x & EVERY_SECOND, (x >> 8) & EVERY_SECOND))
        sums_b = unsafe_add(sums_b, unsafe_add(y & EVERY_SECOND, (y >> 8) & EVERY_SECOND))
        products = unsafe_add(products, self._products(x, self._reversed(y)))
    dot: int256 = convert(products >> 224, int256)
    sum_a: int256 = convert(unsafe_mul(sums_a, ONES) >> 240, int256)
    sum_b: int256 = convert(unsafe_mul(sums_b, ONES) >> 240, int256)
    dot = unsafe_sub(dot, unsafe_add(unsafe_mul(za, sum_b), unsafe_mul(zb, sum_a)))
    return unsafe_add(dot, unsafe_mul(convert(n, int256), unsafe_mul(za, zb)))


@pure
@internal
def _products(x: uint256, y: uint256) -> uint256:
    """
    @notice Each word as four numbers to the base 2**32, a digit being one byte: digit 7 of their product
            is the sum of x_i * y_(7-i). Below 2**24 even over 256 lanes, so nothing carries.
    @return The four products; the highest 32 bits are the dot of 32 lanes, with `y` reversed by fours.
    """
    low: uint256 = unsafe_add(
        unsafe_mul(x & EVERY_FOURTH, y & EVERY_FOURTH), unsafe_mul((x >> 8) & EVERY_FOURTH, (y >> 8) & EVERY_FOURTH)
    )
    high: uint256 = unsafe_add(
        unsafe_mul((x >> 16) & EVERY_FOURTH, (y >> 16) & EVERY_FOURTH),
        unsafe_mul((x >> 24) & EVERY_FOURTH, (y >> 24) & EVERY_FOURTH),
    )
    return unsafe_add(low, high)


@pure
@internal
def _reversed(word: uint256) -> uint256:
    """
    @return The eight groups of four bytes in the other order.
    """
    x: uint256 = (word << 128) | (word >> 128)
    x = ((x & LOW_64) << 64) | ((x >> 64) & LOW_64)
    return ((x & LOW_32) << 32) | ((x >> 32) & LOW_32)
