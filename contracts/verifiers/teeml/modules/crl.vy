# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title Certificate revocation lists
@license AGPL-3.0-only
@author Model Network
@notice Reads complete lists of version 2, of P-256 with ecdsa-with-SHA256. A list that is about a part only says so in
        a critical extension, and those are refused.
"""

from interfaces import ICertificateParser
from . import der_reader as der

MAX_PADDED: constant(uint256) = 16_416
PAD: constant(uint256) = 32
MAX_ENTRIES: constant(uint256) = 820
MAX_EXTENSIONS: constant(uint256) = 8
# [0]
EXTENSIONS: constant(uint256) = 160
# SEQUENCE { SEQUENCE { 2.5.29.21, OCTET STRING { ENUMERATED } } } without the reason
REASON: constant(bytes13) = 0x300c300a0603551d1504030a01


@pure
@internal
def _list(d: Bytes[MAX_PADDED]) -> ICertificateParser.RevocationList:
    """
    @param d The list, then 32 bytes of zeros.
    """
    found: ICertificateParser.RevocationList = empty(ICertificateParser.RevocationList)
    head: uint256 = 0
    size: uint256 = 0
    head, size = der._open(extract32(d, 0, output_type=uint256), der.SEQUENCE)
    der._need(head + size + PAD == len(d))
    p: uint256 = head
    head, size = der._open(extract32(d, p, output_type=uint256), der.SEQUENCE)
    end: uint256 = p + head + size
    found.digest = sha256(slice(d, p, head + size))
    p += head
    # Version 2.
    der._need(extract32(d, p, output_type=uint256) >> 232 == convert(0x020101, uint256))
    p += 3
    der._need(extract32(d, p, output_type=uint256) >> 160 == convert(der.ALGORITHM, uint256))
    p += der.ALGORITHM_SIZE
    head, size = der._open(extract32(d, p, output_type=uint256), der.SEQUENCE)
    found.issuer = keccak256(slice(d, p, head + size))
    p += head + size
    found.issued, size = der._time(extract32(d, p, output_type=uint256))
    p += size
    found.until, size = der._time(extract32(d, p, output_type=uint256))
    # At that very second the next list should be there.
    found.until -= 1
    p += size
    word: uint256 = extract32(d, p, output_type=uint256)
    if word >> 248 == der.SEQUENCE:
        head, size = der._open(word, der.SEQUENCE)
        # A list of none is left out.
        der._need(size != 0)
        p += head
        found.serials = self._serials(d, p, p + size)
        p += size
    self._check_extensions(d, p, end)
    der._need(len(d) - end <= der.MAX_SIGNATURE)
    found.r, found.s = der._signature(convert(slice(d, end, len(d) - end), Bytes[der.MAX_SIGNATURE]))
    return found


@pure
@internal
def _serials(d: Bytes[MAX_PADDED], start: uint256, end: uint256) -> DynArray[uint256, MAX_ENTRIES]:
    """
    @return Serials of the entries that take the bytes from `start` to `end`.
    """
    serials: DynArray[uint256, MAX_ENTRIES] = []
    p: uint256 = start
    for _: uint256 in range(MAX_ENTRIES):
        if p == end:
            break
        word: uint256 = extract32(d, p, output_type=uint256)
        size: uint256 = (word >> 240) & 255
        der._need(word >> 248 == der.SEQUENCE and size < 128)
        serial: uint256 = 0
        used: uint256 = 0
        serial, used = der._serial(word << 16)
        p += 2
        der._need(size > used and p + size <= end)
        self._check_entry(extract32(d, p + used, output_type=uint256), size - used)
        p += size
        serials.append(serial)
    der._need(p == end)
    return serials


@pure
@internal
def _check_entry(word: uint256, size: uint256):
    """
    @notice Refuses anything after an entry's serial but its date and, if it is given, its reason.
    @param word What begins with the date; `size` how many bytes the entry has left.
    """
    used: uint256 = der._time(word)[1]
    if size != used:
        der._need(size == used + 14 and (word << (8 * used)) >> 152 == convert(REASON, uint256))


@pure
@internal
def _check_extensions(d: Bytes[MAX_PADDED], start: uint256, end: uint256):
    """
    @notice Refuses any that is critical.
    """
    head: uint256 = 0
    size: uint256 = 0
    p: uint256 = start
    head, size = der._open(extract32(d, p, output_type=uint256), EXTENSIONS)
    p += head
    der._need(p + size == end)
    head, size = der._open(extract32(d, p, output_type=uint256), der.SEQUENCE)
    p += head
    der._need(p + size == end)
    for _: uint256 in range(MAX_EXTENSIONS):
        if p == end:
            break
        head, size = der._open(extract32(d, p, output_type=uint256), der.SEQUENCE)
        p += head
        after: uint256 = p + size
        # 2.5.29.*, then its value: where a critical extension says that it is one.
        der._need(extract32(d, p, output_type=uint256) >> 224 == convert(0x0603551d, uint256))
        head, size = der._open(extract32(d, p + 5, output_type=uint256), der.OCTET_STRING)
        p += 5 + head + size
        der._need(p == after)
    der._need(p == end)
