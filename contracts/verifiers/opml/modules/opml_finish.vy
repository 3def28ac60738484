# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title How an OPML node makes an element from its accumulator
@license AGPL-3.0-only
@author Model Network
@notice `finish` of docs/opml-profile.md, section 5.
"""

from . import opml_openings as openings
from . import opml_operands as operands
from . import opml_profile as profile

RECORD_BYTES: constant(uint256) = 16
# param_mode: the numbers are in the weights.
BY_CHANNEL: constant(uint256) = 1


@pure
@internal
def _is_beyond(desc: uint256[14], e: uint256) -> bool:
    """
    @return Whether `e` is behind the end of the output; what is there has to be 0.
    """
    return e >= profile._byte_len_of(desc) >> profile._out_code(desc)


@pure
@internal
def _record(desc: uint256[14], e: uint256) -> openings.Run:
    """
    @return Where the weights have the numbers for element `e`; kind NOTHING when the descriptor has them.
    """
    if profile._bits(desc[0], 16, 8) != BY_CHANNEL:
        return empty(openings.Run)
    coordinates: int256[4] = operands._coordinates(desc[1], e)
    channel: int256 = unsafe_mul(coordinates[2], convert(profile._size(desc[1], 3), int256))
    channel = unsafe_add(channel, coordinates[3])
    start: int256 = unsafe_add(convert(profile._bits(desc[3], 0, 48), int256), channel) << 4
    return openings.Run(kind=openings.WEIGHTS, index=0, start=start, size=RECORD_BYTES)


@pure
@internal
def _finish(desc: uint256[14], acc: int256, record: Bytes[256]) -> int256:
    """
    @param acc Less than 2**191 in absolute value.
    @param record What was read at `_record`; nothing when the weights end before.
    @return The element.
    """
    head: uint256 = desc[0]
    b: int256 = 0
    m: int256 = 0
    s: uint256 = 0
    if profile._bits(head, 16, 8) != BY_CHANNEL:
        b = profile._signed(desc[2], 0, 64)
        m = profile._signed(desc[1], 176, 64)
        s = profile._bits(head, 24, 8)
    elif len(record) == RECORD_BYTES:
        word: uint256 = convert(slice(record, 0, RECORD_BYTES), uint256) << 128
        b = profile._little_endian(word, 0, 3)
        m = profile._little_endian(word, 8, 2)
        # Only its lowest six bits count.
        s = convert(profile._little_endian(word, 12, 0), uint256)
    v: int256 = unsafe_add(unsafe_mul(acc, m), b) >> (s & 63)
    v = unsafe_add(v, profile._signed(head, 64, 32))
    v = min(max(v, profile._signed(head, 96, 64)), profile._signed(head, 160, 64))
    return self._saturate(v, (head >> 8) & 3)


@pure
@internal
def _saturate(v: int256, code: uint256) -> int256:
    """
    @return The nearest value that the code can hold.
    """
    bits: uint256 = 8 << code
    if code < 2:
        return min(max(v, 0), unsafe_sub(convert(1 << bits, int256), 1))
    half: int256 = convert(1 << unsafe_sub(bits, 1), int256)
    return min(max(v, unsafe_sub(0, half)), unsafe_sub(half, 1))
