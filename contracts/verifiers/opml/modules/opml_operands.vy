# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title Where a node of an OPML program reads
@license AGPL-3.0-only
@author Model Network
@notice Section 4 of docs/opml-profile.md. No product here comes near 2**255: fields have 48 bits,
        coordinates 32.
"""

from interfaces import IOpmlStep
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
def _coordinates(desc: uint256[14], e: uint256) -> int256[4]:
    """
    @param e Index of an element of the output; above its end they begin again.
    """
    found: int256[4] = empty(int256[4])
    rest: uint256 = e
    for i: uint256 in range(4):
        axis: uint256 = unsafe_sub(3, i)
        size: uint256 = profile._size(desc, axis)
        found[axis] = convert(rest % size, int256)
        rest = rest // size
    return found


@pure
@internal
def _zero(desc: uint256[14], operand: uint256) -> int256:
    """
    @param operand Where it begins: A or B.
    """
    return profile._signed(desc[operand], 48, 32)


@pure
@internal
def _code(desc: uint256[14], operand: uint256) -> uint256:
    """
    @param operand Where it begins: A or B.
    @return Code of its elements, 0 to 3.
    """
    return (desc[operand] >> 8) & 3


@pure
@internal
def _address(desc: uint256[14], operand: uint256, place: Place) -> (bool, int256):
    """
    @return Whether all axes stay inside, and the index of the run's first element.
    """
    found: int256 = unsafe_add(profile._signed(desc[operand], 80, 48), convert(place.position, int256))
    for axis: uint256 in range(4):
        word: uint256 = desc[unsafe_add(unsafe_add(operand, 1), axis)]
        # An axis that is not there.
        if word == 0:
            continue
        s: int256 = profile._signed(word, 96, 48)
        s = unsafe_add(s, unsafe_mul(place.coordinates[axis], profile._signed(word, 0, 48)))
        s = unsafe_add(s, unsafe_mul(place.taps[axis], profile._signed(word, 48, 48)))
        if s < 0 or s > convert(profile._bits(word, 144, 48), int256):
            return False, 0
        found = unsafe_add(found, unsafe_mul(s, profile._signed(word, 192, 48)))
    return True, found


@pure
@internal
def _read(
    desc: uint256[14],
    operand: uint256,
    j: uint256,
    place: Place,
    offset: int256,
    code: uint256,
    roots: openings.Roots,
    opening: IOpmlStep.Opening,
) -> Bytes[256]:
    """
    @notice Reverts when the opening does not fit, if anything has to be opened.
    @param operand Where it begins: A or B.
    @param j The node's index in the program.
    @param offset Elements between the operand's address and the run, less than 2**128 in absolute value.
    @param code Of the elements, as the node reads them; count << code is at most 256.
    @return The run's bytes; none when it is absent.
    """
    kind: uint256 = desc[operand] & 255
    index: uint256 = profile._bits(desc[operand], 16, 32)
    if kind == 0 or kind > openings.TRACE or (kind == openings.TRACE and index >= j) or place.count == 0:
        return b""
    is_inside: bool = False
    first: int256 = 0
    is_inside, first = self._address(desc, operand, place)
    if not is_inside:
        return b""
    openings._check_commitment(kind, index, roots, opening)
    return openings._run(opening, unsafe_add(first, offset) << code, place.count << code)
