# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title SGX extension of a PCK certificate
@license AGPL-3.0-only
@author Model Network
@notice What Intel certifies of a platform. Each entry must be where Intel puts it, in the one form that DER has.
"""

MAX_PADDED: constant(uint256) = 2_080

# SEQUENCE { OBJECT IDENTIFIER 1.2.840.113741.1.13.1.2.0, INTEGER } without the integer's value: of one byte, of two
# that begin with zero
SVN: constant(bytes17) = 0x3010060b2a864886f84d010d0102000201
HIGH_SVN: constant(bytes18) = 0x3011060b2a864886f84d010d010200020200
PCESVN: constant(bytes17) = 0x3011060b2a864886f84d010d0102110202
HIGH_PCESVN: constant(bytes18) = 0x3012060b2a864886f84d010d010211020300
CPUSVN: constant(bytes17) = 0x301f060b2a864886f84d010d0102120410
PPID: constant(bytes16) = 0x301e060a2a864886f84d010d01010410
PCEID: constant(bytes16) = 0x3010060a2a864886f84d010d01030402
FMSPC: constant(bytes16) = 0x3014060a2a864886f84d010d01040406
TYPE: constant(bytes16) = 0x300f060a2a864886f84d010d01050a01
INSTANCE: constant(bytes16) = 0x301e060a2a864886f84d010d01060410
CONFIGURATION: constant(bytes12) = 0x060a2a864886f84d010d0107
FLAG: constant(bytes17) = 0x3010060b2a864886f84d010d0107000101


struct Platform:
    ppid: uint256  # 16 bytes
    svns: uint256  # 16 bytes, the first component is the highest
    pcesvn: uint256
    pceid: uint256  # two bytes
    fmspc: uint256  # six bytes


@pure
@internal
def _need(condition: bool):
    """
    @notice One revert for all that is not such an extension: the code stays small.
    """
    assert condition, "pck"


@pure
@internal
def _platform(d: Bytes[MAX_PADDED], start: uint256, end: uint256) -> Platform:
    """
    @param d The certificate, then 32 bytes of zeros.
    @param start Where the extension's entries begin; `end` where they end.
    """
    found: Platform = empty(Platform)
    p: uint256 = start
    word: uint256 = extract32(d, p, output_type=uint256)
    self._need(word >> 128 == convert(PPID, uint256))
    found.ppid = word & (2**128 - 1)
    found.svns, found.pcesvn, p = self._svns(d, p + 32)
    word = extract32(d, p, output_type=uint256)
    self._need(word >> 128 == convert(PCEID, uint256))
    found.pceid = (word >> 112) & convert(0xffff, uint256)
    p += 18
    word = extract32(d, p, output_type=uint256)
    self._need(word >> 128 == convert(FMSPC, uint256))
    found.fmspc = (word >> 80) & convert(0xffffffffffff, uint256)
    p += 22
    self._need(extract32(d, p, output_type=uint256) >> 128 == convert(TYPE, uint256))
    p += 17
    # A platform with several packages says more, of which nothing is needed here.
    if p != end:
        self._need(extract32(d, p, output_type=uint256) >> 128 == convert(INSTANCE, uint256))
        p += 32
        if p != end:
            self._check_configuration(d, p, end)
            p = end
    self._need(p == end)
    return found


@pure
@internal
def _svns(d: Bytes[MAX_PADDED], start: uint256) -> (uint256, uint256, uint256):
    """
    @return The 16 components, PCESVN, and where the entry ends.
    """
    head: uint256 = extract32(d, start, output_type=uint256)
    # SEQUENCE { 1.2.840.113741.1.13.1.2, SEQUENCE { 16 to 19 bytes for each } }, both of 256 bytes or more
    outer: uint256 = (head >> 224) & convert(0xffff, uint256)
    inner: uint256 = (extract32(d, start + 16, output_type=uint256) >> 224) & convert(0xffff, uint256)
    self._need(
        head >> 240 == convert(0x3082, uint256)
        and (head >> 128) & (2**96 - 1) == convert(0x060a2a864886f84d010d0102, uint256)
    )
    self._need(extract32(d, start + 16, output_type=uint256) >> 240 == convert(0x3082, uint256))
    self._need(inner >= 256 and outer == inner + 16)
    p: uint256 = start + 20
    end: uint256 = p + inner
    svns: uint256 = 0
    for i: uint256 in range(1, 17):
        word: uint256 = extract32(d, p, output_type=uint256)
        svn: uint256 = 0
        if word >> 120 == unsafe_add(convert(SVN, uint256), i << 16):
            svn = (word >> 112) & 255
            self._need(svn < 128)
            p = unsafe_add(p, 18)
        else:
            self._need(word >> 112 == unsafe_add(convert(HIGH_SVN, uint256), i << 24))
            svn = (word >> 104) & 255
            self._need(svn >= 128)
            p = unsafe_add(p, 19)
        svns = (svns << 8) | svn
    pcesvn: uint256 = 0
    size: uint256 = 0
    pcesvn, size = self._pcesvn(extract32(d, p, output_type=uint256))
    p += size
    self._need(extract32(d, p, output_type=uint256) >> 120 == convert(CPUSVN, uint256) and p + 33 == end)
    return svns, pcesvn, end


@pure
@internal
def _pcesvn(word: uint256) -> (uint256, uint256):
    """
    @return PCESVN, a number of 16 bits, and how many bytes its entry takes.
    """
    if word >> 120 == unsafe_add(convert(SVN, uint256), 17 << 16):
        self._need((word >> 112) & 255 < 128)
        return (word >> 112) & 255, 18
    if word >> 120 == convert(PCESVN, uint256):
        value: uint256 = (word >> 104) & convert(0xffff, uint256)
        self._need(value >= 128 and value < 2**15)
        return value, 19
    self._need(word >> 112 == convert(HIGH_PCESVN, uint256))
    value: uint256 = (word >> 96) & convert(0xffff, uint256)
    self._need(value >= 2**15)
    return value, 20


@pure
@internal
def _check_configuration(d: Bytes[MAX_PADDED], start: uint256, end: uint256):
    """
    @notice Up to three flags, in their order, and nothing else.
    """
    word: uint256 = extract32(d, start, output_type=uint256)
    size: uint256 = end - start
    self._need(size >= 16 and size <= 70)
    self._need(word >> 240 == convert(0x3000, uint256) + size - 2)
    self._need((word >> 144) & (2**96 - 1) == convert(CONFIGURATION, uint256))
    self._need((word >> 128) & convert(0xffff, uint256) == convert(0x3000, uint256) + size - 16)
    p: uint256 = start + 16
    last: uint256 = 0
    for _: uint256 in range(3):
        if p == end:
            break
        word = extract32(d, p, output_type=uint256)
        kind: uint256 = (word >> 136) & 255
        bit: uint256 = (word >> 112) & 255
        self._need(word >> 120 == convert(FLAG, uint256) + (kind << 16))
        self._need(kind > last and kind <= 3 and (bit == 0 or bit == 255))
        last = kind
        p += 18
    self._need(p == end)
