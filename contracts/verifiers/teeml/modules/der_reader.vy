# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title DER reader
@license AGPL-3.0-only
@author Model Network
@notice Single values of DER, each from the 32 bytes that begin with it. What has two readings, or a shorter
        one, is refused.
"""

from . import calendar

# ecdsa-with-SHA256, as AlgorithmIdentifier
ALGORITHM: constant(bytes12) = 0x300a06082a8648ce3d040302
ALGORITHM_SIZE: constant(uint256) = 12
INTEGER: constant(uint256) = 2
OCTET_STRING: constant(uint256) = 4
SEQUENCE: constant(uint256) = 48
# Algorithm, a BIT STRING of two INTEGERs, 32 bytes of zeros
MAX_SIGNATURE: constant(uint256) = 119


@pure
@internal
def _need(condition: bool):
    """
    @notice One revert for all that is not DER of the kind read here: the code stays small.
    """
    assert condition, "der"


@pure
@internal
def _open(word: uint256, tag: uint256) -> (uint256, uint256):
    """
    @return How many bytes tag and length take, and how many the content does.
    """
    self._need(word >> 248 == tag)
    size: uint256 = (word >> 240) & 255
    if size < 128:
        return 2, size
    if size == convert(0x81, uint256):
        size = (word >> 232) & 255
        self._need(size >= 128)
        return 3, size
    self._need(size == convert(0x82, uint256))
    size = (word >> 224) & 65_535
    self._need(size >= 256)
    return 4, size


@pure
@internal
def _check_integer(size: uint256, word: uint256):
    """
    @notice Refuses an INTEGER that is negative or has a zero byte too many.
    @param word What begins with its content.
    """
    self._need(size >= 1 and word >> 255 == 0)
    # A byte of zeros stands only before one whose first bit is set.
    self._need(size == 1 or word >> 247 != 0)


@pure
@internal
def _serial(word: uint256) -> (uint256, uint256):
    """
    @return A positive INTEGER of at most 20 bytes, and how many bytes it takes in all.
    """
    self._need(word >> 248 == INTEGER)
    size: uint256 = (word >> 240) & 255
    self._need(size <= 21)
    self._check_integer(size, word << 16)
    value: uint256 = (word << 16) >> (256 - 8 * size)
    self._need(value != 0 and value >> 160 == 0)
    return value, unsafe_add(size, 2)


@pure
@internal
def _scalar(word: uint256, content: uint256, tail: uint256) -> (uint256, uint256):
    """
    @param word What begins with an INTEGER of at most 256 bits.
    @param content What begins two bytes later.
    @param tail What begins three bytes later.
    @return Its value, and how many bytes it takes in all.
    """
    self._need(word >> 248 == INTEGER)
    size: uint256 = (word >> 240) & 255
    self._check_integer(size, content)
    if size == 33:
        self._need(content >> 248 == 0)
        return tail, 35
    self._need(size <= 32)
    return content >> (256 - 8 * size), unsafe_add(size, 2)


@pure
@internal
def _time(word: uint256) -> (uint256, uint256):
    """
    @return A UTCTime of the years to 2049 or a GeneralizedTime of those since, as unix seconds, and how many
            bytes it takes in all.
    """
    year: uint256 = calendar._pair(word, 232)
    rest: uint256 = word << 32
    size: uint256 = 15
    if word >> 240 == convert(0x170d, uint256):
        year = unsafe_add(year, 2000 if year < 50 else 1900)
    else:
        self._need(word >> 240 == convert(0x180f, uint256))
        year = unsafe_add(unsafe_mul(year, 100), calendar._pair(word, 216))
        self._need(year >= 2050)
        rest = word << 48
        size = 17
    self._need((rest >> 168) & 255 == convert(0x5a, uint256))
    return calendar._unix(
        year,
        calendar._pair(rest, 248),
        calendar._pair(rest, 232),
        calendar._pair(rest, 216),
        calendar._pair(rest, 200),
        calendar._pair(rest, 184),
    ), size


@pure
@internal
def _signature(d: Bytes[MAX_SIGNATURE]) -> (uint256, uint256):
    """
    @param d The end of something signed: algorithm, signature, and 32 bytes of zeros.
    @return r and s.
    """
    r: uint256 = 0
    s: uint256 = 0
    size: uint256 = 0
    self._need(extract32(d, 0, output_type=uint256) >> 160 == convert(ALGORITHM, uint256))
    # BIT STRING without unused bits { SEQUENCE { r, s } }
    word: uint256 = extract32(d, ALGORITHM_SIZE, output_type=uint256)
    left: uint256 = len(d) - 32 - ALGORITHM_SIZE
    self._need(word >> 248 == 3 and (word >> 240) & 255 == left - 2 and (word >> 232) & 255 == 0)
    self._need((word >> 224) & 255 == SEQUENCE and (word >> 216) & 255 == left - 5)
    p: uint256 = ALGORITHM_SIZE + 5
    r, size = self._scalar(
        extract32(d, p, output_type=uint256),
        extract32(d, p + 2, output_type=uint256),
        extract32(d, p + 3, output_type=uint256),
    )
    p += size
    s, size = self._scalar(
        extract32(d, p, output_type=uint256),
        extract32(d, p + 2, output_type=uint256),
        extract32(d, p + 3, output_type=uint256),
    )
    self._need(p + size + 32 == len(d))
    return r, s
