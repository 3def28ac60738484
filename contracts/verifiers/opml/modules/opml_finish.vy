# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title How an OPML node makes an element from its accumulator
@license AGPL-3.0-only
@author Model Network
@notice `finish` of docs/opml-profile.md, section 5.
"""

from interfaces import IOpmlStep
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
def _finish(desc: uint256[14], e: uint256, acc: int256, weights: bytes32, p: IOpmlStep.Opening) -> int256:
    """
    @param e An element of the output.
    @param acc Less than 2**191 in absolute value.
    @param weights Commitment of the model's weights.
    @param p The channel's record; looked at with `param_mode` 1 only.
    """
    b: int256 = profile._signed(desc[2], 0, 64)
    m: int256 = profile._signed(desc[1], 176, 64)
    s: uint256 = profile._bits(desc[0], 24, 8)
    if profile._bits(desc[0], 16, 8) == BY_CHANNEL:
        b, m, s = self._record(desc, e, weights, p)
    value: int256 = unsafe_add(unsafe_mul(acc, m), b) >> (s & 63)
    value = unsafe_add(value, profile._signed(desc[0], 64, 32))
    value = min(max(value, profile._signed(desc[0], 96, 64)), profile._signed(desc[0], 160, 64))
    return self._saturate(value, profile._out_code(desc))


@pure
@internal
def _record(desc: uint256[14], e: uint256, weights: bytes32, p: IOpmlStep.Opening) -> (int256, int256, uint256):
    """
    @return `b`, `m` and `s` of the element's channel; all zero when the weights end before.
    """
    coordinates: int256[4] = operands._coordinates(desc, e)
    channel: int256 = unsafe_mul(coordinates[2], convert(profile._size(desc, 3), int256))
    channel = unsafe_add(channel, coordinates[3])
    start: int256 = unsafe_add(convert(profile._bits(desc[3], 0, 48), int256), channel) << 4
    roots: openings.Roots = empty(openings.Roots)
    roots.weights = weights
    openings._check_commitment(openings.WEIGHTS, 0, roots, p)
    record: Bytes[256] = openings._run(p, start, RECORD_BYTES)
    if len(record) == 0:
        return 0, 0, 0
    word: uint256 = convert(slice(record, 0, RECORD_BYTES), uint256) << 128
    return (
        profile._little_endian(word, 0, 3),
        profile._little_endian(word, 8, 2),
        convert(profile._little_endian(word, 12, 2), uint256),
    )


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
