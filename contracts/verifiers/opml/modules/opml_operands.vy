# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title Where a node of an OPML program reads
@license AGPL-3.0-only
@author Model Network
@notice Section 4 of docs/opml-profile.md. No product here comes near 2**255: fields have 48 bits,
        coordinates 32.
"""

from . import opml_openings as openings
from . import opml_profile as profile

# Words of a descriptor where the operands begin.
A: constant(uint256) = 4
B: constant(uint256) = 9

# What one block of one element looks at.
struct Place:
    coordinates: int256[4]
    taps: int256[4]
    position: uint256
    count: uint256


@pure
@internal
def _coordinates(shape: uint256, e: uint256) -> int256[4]:
    """
    @param shape Word 1 of a descriptor.
    @param e Index of an element of the output; behind its end they begin again.
    """
    found: int256[4] = empty(int256[4])
    rest: uint256 = e
    for i: uint256 in range(4):
        axis: uint256 = unsafe_sub(3, i)
        size: uint256 = profile._size(shape, axis)
        found[axis] = convert(rest % size, int256)
        rest = unsafe_div(rest, size)
    return found


@pure
@internal
def _zero(operand: uint256) -> int256:
    """
    @param operand Its first word.
    """
    return profile._signed(operand, 48, 32)


@pure
@internal
def _code(head: uint256, operand: uint256) -> uint256:
    """
    @param head Word 0 of the descriptor.
    @param operand Its first word.
    @return Code of the elements, 0 to 3, as the node reads them.
    """
    return 0 if head & 255 == profile.DOT else (operand >> 8) & 3


@pure
@internal
def _locate(desc: uint256[14], operand: uint256, j: uint256, place: Place, offset: int256) -> openings.Run:
    """
    @param operand Where it begins: A or B.
    @param j The node's index in the program.
    @param place At most 256 bytes of the operand's elements.
    @param offset Elements between the operand's address and the run, less than 2**128 in absolute value.
    @return Kind NOTHING when there is no tensor, or an axis is left.
    """
    nothing: openings.Run = empty(openings.Run)
    word: uint256 = desc[operand]
    kind: uint256 = word & 255
    index: uint256 = (word >> 16) & profile.MASK_32
    if kind > openings.TRACE or (kind == openings.TRACE and index >= j) or place.count == 0:
        return nothing
    first: int256 = unsafe_add(profile._signed(word, 80, 48), unsafe_add(convert(place.position, int256), offset))
    for axis: uint256 in range(4):
        step: uint256 = desc[unsafe_add(unsafe_add(operand, 1), axis)]
        # An axis that is not there.
        if step == 0:
            continue
        s: int256 = profile._signed(step, 96, 48)
        s = unsafe_add(s, unsafe_mul(place.coordinates[axis], profile._signed(step, 0, 48)))
        s = unsafe_add(s, unsafe_mul(place.taps[axis], profile._signed(step, 48, 48)))
        if s < 0 or s > convert(profile._bits(step, 144, 48), int256):
            return nothing
        first = unsafe_add(first, unsafe_mul(s, profile._signed(step, 192, 48)))
    code: uint256 = self._code(desc[0], word)
    return openings.Run(kind=kind, index=index, start=first << code, size=place.count << code)
