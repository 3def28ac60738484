# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title TCB levels of one component
@license AGPL-3.0-only
@author Model Network
@notice Levels of a quoting enclave or of a TDX module: a security version and its status each, best first.
"""

from . import json_reader as json

# How many are kept. A component below the last of them is refused.
KEPT: constant(uint256) = 7
MAX_LEVELS: constant(uint256) = 24
# Marks a level, so that none is zero.
PRESENT: constant(uint256) = 128
COMMA: constant(uint256) = 44
CLOSING_BRACE: constant(uint256) = 125
CLOSING_BRACKET: constant(uint256) = 93

LEVEL: constant(bytes17) = 0x7b22746362223a7b2269737673766e223a  # {"tcb":{"isvsvn":
DATE: constant(bytes13) = 0x7d2c2274636244617465223a22  # },"tcbDate":"
STATUS: constant(bytes15) = 0x222c22746362537461747573223a22  # ","tcbStatus":"


@pure
@internal
def _levels(d: Bytes[json.MAX_PADDED], start: uint256) -> (uint256, uint256):
    """
    @param start Where the first level begins, behind the list's bracket.
    @return The best of them in 24 bits each, the first in the lowest: version (16), PRESENT and status (8); and
            where what follows the list begins.
    """
    packed: uint256 = 0
    last: uint256 = 2**16
    p: uint256 = start
    for i: uint256 in range(MAX_LEVELS):
        version: uint256 = 0
        status: uint256 = 0
        version, status, p = self._level(d, p)
        json._need(version < last)
        last = version
        if i < KEPT:
            packed |= ((version << 8) | PRESENT | status) << (24 * i)
        after: uint256 = extract32(d, p, output_type=uint256) >> 248
        p += 1
        if after == CLOSING_BRACKET:
            return packed, p
        json._need(after == COMMA)
    raise "json"


@pure
@internal
def _level(d: Bytes[json.MAX_PADDED], start: uint256) -> (uint256, uint256, uint256):
    """
    @return Version, status, and where what follows the level begins.
    """
    version: uint256 = 0
    status: uint256 = 0
    size: uint256 = 0
    json._need(extract32(d, start, output_type=uint256) >> 120 == convert(LEVEL, uint256))
    p: uint256 = start + 17
    version, size = json._number(extract32(d, p, output_type=uint256))
    json._need(version < 2**16)
    p += size
    json._need(extract32(d, p, output_type=uint256) >> 152 == convert(DATE, uint256))
    json._date(extract32(d, p + 13, output_type=uint256))
    p += 33
    json._need(extract32(d, p, output_type=uint256) >> 136 == convert(STATUS, uint256))
    p += 15
    status, size = json._status(extract32(d, p, output_type=uint256), empty(uint256))
    json._need(status & 3 == 0 and status != 6)
    p = json._advisories(d, p + size)
    json._need(extract32(d, p, output_type=uint256) >> 248 == CLOSING_BRACE)
    return version, status, p + 1


@pure
@internal
def _status_of(version: uint256, levels: uint256) -> uint256:
    """
    @param levels As packed by `_levels`.
    @return Status of the best level that `version` reaches. Refuses a version below all.
    """
    for i: uint256 in range(KEPT):
        level: uint256 = (levels >> (24 * i)) & (2**24 - 1)
        assert level != 0, "tcb level"
        if version >= level >> 8:
            return level & 127
    raise "tcb level"
