# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title JSON reader
@license AGPL-3.0-only
@author Model Network
@notice Single values of Intel's signed JSON, each from the 32 bytes that begin with it. The documents have one form:
        no white space, keys in Intel's order, no escapes.
"""

from . import calendar

# With the 64 bytes of zeros that let words be read at the end.
MAX_PADDED: constant(uint256) = 16_448
PAD: constant(uint256) = 64
QUOTE: constant(uint256) = 34
BACKSLASH: constant(uint256) = 92
EVERY: constant(bytes32) = 0x0101010101010101010101010101010101010101010101010101010101010101
LOW_BITS: constant(bytes32) = 0x7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f
# INTEL-SA-00000 at the most, and the names of components
MAX_STRING_WORDS: constant(uint256) = 4
MAX_ADVISORIES: constant(uint256) = 128
# Statuses: 1 = hardening needed, 2 = configuration needed, 4 = out of date.
REVOKED: constant(uint256) = 8
UP_TO_DATE: constant(bytes8) = 0x5570546f44617465  # UpToDate
HARDENING: constant(bytes17) = 0x535748617264656e696e674e6565646564  # SWHardeningNeeded
CONFIGURATION: constant(bytes19) = 0x436f6e66696775726174696f6e4e6565646564  # ConfigurationNeeded
BOTH: constant(
    bytes32
) = 0x436f6e66696775726174696f6e416e64535748617264656e696e674e65656465  # ConfigurationAndSWHardeningNeede
BOTH_END: constant(bytes2) = 0x6422  # d"
OUT_OF_DATE: constant(bytes9) = 0x4f75744f6644617465  # OutOfDate
OUT_OF_DATE_CONFIGURATION: constant(
    bytes28
) = 0x4f75744f6644617465436f6e66696775726174696f6e4e6565646564  # OutOfDateConfigurationNeeded
REVOKED_NAME: constant(bytes7) = 0x5265766f6b6564  # Revoked
ADVISORY_IDS: constant(bytes16) = 0x2c2261647669736f7279494473223a5b  # ,"advisoryIDs":[


@pure
@internal
def _need(condition: bool):
    """
    @notice One revert for all that is not a document of Intel's: the code stays small.
    """
    assert condition, "json"


@pure
@internal
def _number(word: uint256) -> (uint256, uint256):
    """
    @return A decimal number of at most five digits, and how many they are.
    """
    value: uint256 = 0
    for i: uint256 in range(6):
        digit: uint256 = (word >> (248 - 8 * i)) & 255
        if digit < 48 or digit > 57:
            # No number begins with zero but zero.
            self._need(i == 1 or (i > 1 and word >> 248 != 48))
            return value, i
        value = value * 10 + digit - 48
    raise "json"


@pure
@internal
def _date(word: uint256) -> uint256:
    """
    @param word What begins with a date such as 2025-06-19T10:16:03Z, of 20 bytes.
    """
    self._need(
        (word >> 216) & 255 == convert(0x2d, uint256)
        and (word >> 192) & 255 == convert(0x2d, uint256)
        and (word >> 168) & 255 == convert(0x54, uint256)
    )
    self._need(
        (word >> 144) & 255 == convert(0x3a, uint256)
        and (word >> 120) & 255 == convert(0x3a, uint256)
        and (word >> 96) & 255 == convert(0x5a, uint256)
    )
    return calendar._unix(
        calendar._pair(word, 248) * 100 + calendar._pair(word, 232),
        calendar._pair(word, 208),
        calendar._pair(word, 184),
        calendar._pair(word, 160),
        calendar._pair(word, 136),
        calendar._pair(word, 112),
    )


@pure
@internal
def _hex(word: uint256, digits: uint256) -> uint256:
    """
    @param digits How many hexadecimal digits, of either case, `word` begins with; 32 at most.
    """
    value: uint256 = 0
    for i: uint256 in range(digits, bound=32):
        digit: uint256 = (word >> unsafe_sub(248, unsafe_mul(8, i))) & 255
        if digit >= 48 and digit <= 57:
            digit = unsafe_sub(digit, 48)
        else:
            # Lower case.
            digit |= 32
            self._need(digit >= 97 and digit <= 102)
            digit = unsafe_sub(digit, 87)
        value = (value << 4) | digit
    return value


@pure
@internal
def _find(word: uint256, sought: uint256) -> uint256:
    """
    @return Index of the first byte that is `sought`, 32 when none is.
    """
    x: uint256 = word ^ unsafe_mul(sought, convert(EVERY, uint256))
    # The highest bit of each byte that is zero.
    low: uint256 = convert(LOW_BITS, uint256)
    hits: uint256 = ~(unsafe_add(x & low, low) | x | low)
    if hits == 0:
        return 32
    place: uint256 = 0
    if hits >> 128 == 0:
        place = 16
        hits = hits << 128
    if hits >> 192 == 0:
        place = unsafe_add(place, 8)
        hits = hits << 64
    if hits >> 224 == 0:
        place = unsafe_add(place, 4)
        hits = hits << 32
    if hits >> 240 == 0:
        place = unsafe_add(place, 2)
        hits = hits << 16
    return unsafe_add(place, 1) if hits >> 248 == 0 else place


@pure
@internal
def _string(d: Bytes[MAX_PADDED], start: uint256) -> uint256:
    """
    @param start Where the string's content begins.
    @return Where what follows its closing quote begins.
    """
    p: uint256 = start
    for _: uint256 in range(MAX_STRING_WORDS):
        word: uint256 = extract32(d, p, output_type=uint256)
        place: uint256 = self._find(word, QUOTE)
        self._need(self._find(word, BACKSLASH) >= place)
        p += place
        if place < 32:
            return p + 1
    raise "json"


@pure
@internal
def _advisories(d: Bytes[MAX_PADDED], start: uint256) -> uint256:
    """
    @param start Where `,"advisoryIDs":[` may stand.
    @return Where what follows the list begins.
    """
    word: uint256 = extract32(d, start, output_type=uint256)
    if word >> 248 != convert(0x2c, uint256):
        return start
    self._need(word >> 128 == convert(ADVISORY_IDS, uint256))
    p: uint256 = start + 16
    if (word >> 120) & 255 == convert(0x5d, uint256):
        return p + 1
    for _: uint256 in range(MAX_ADVISORIES):
        # A string of less than 30 bytes, then a comma or the end of the list.
        word = extract32(d, p, output_type=uint256)
        self._need(word >> 248 == QUOTE)
        word = word << 8
        place: uint256 = self._find(word, QUOTE)
        self._need(place < 30 and self._find(word, BACKSLASH) > place)
        p += place + 3
        after: uint256 = (word >> (240 - 8 * place)) & 255
        if after == convert(0x5d, uint256):
            return p
        self._need(after == convert(0x2c, uint256))
    raise "json"


@pure
@internal
def _status(word: uint256, tail: uint256) -> (uint256, uint256):
    """
    @param word What begins with the name of a status.
    @param tail What begins 32 bytes later.
    @return Its number, and how many bytes the name and the closing quote take.
    """
    size: uint256 = self._find(word, QUOTE)
    if size == 8 and word >> 192 == convert(UP_TO_DATE, uint256):
        return 0, 9
    if size == 17 and word >> 120 == convert(HARDENING, uint256):
        return 1, 18
    if size == 19 and word >> 104 == convert(CONFIGURATION, uint256):
        return 2, 20
    if word == convert(BOTH, uint256):
        self._need(tail >> 240 == convert(BOTH_END, uint256))
        return 3, 34
    if size == 9 and word >> 184 == convert(OUT_OF_DATE, uint256):
        return 4, 10
    if size == 28 and word >> 32 == convert(OUT_OF_DATE_CONFIGURATION, uint256):
        return 6, 29
    self._need(size == 7 and word >> 200 == convert(REVOKED_NAME, uint256))
    return REVOKED, 8
