# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title X.509 certificates
@license AGPL-3.0-only
@author Model Network
@notice Reads certificates of the kind that Intel's provisioning issues: version 3, P-256, ecdsa-with-SHA256.
        Anything else is refused, above all what another reader could take for something else.
"""

from . import der_reader as der

MAX_DER: constant(uint256) = 2_048
# With the 32 bytes of zeros that let words be read at the end.
MAX_PADDED: constant(uint256) = 2_080
PAD: constant(uint256) = 32
MAX_EXTENSIONS: constant(uint256) = 16

# id-ecPublicKey, prime256v1, and the head of an uncompressed point
POINT: constant(bytes27) = 0x3059301306072a8648ce3d020106082a8648ce3d03010703420004
# OBJECT IDENTIFIER 2.5.29.*, without its last byte
ID_CE: constant(bytes4) = 0x0603551d
# OBJECT IDENTIFIER 1.2.840.113741.1.13.1
ID_SGX: constant(bytes11) = 0x06092a864886f84d010d01
# [3]
EXTENSIONS: constant(uint256) = 163
KEY_USAGE: constant(uint256) = 15
BASIC_CONSTRAINTS: constant(uint256) = 19

# The first byte of a key's usage.
DIGITAL_SIGNATURE: constant(uint256) = 128
CERTIFICATE_AND_CRL_SIGN: constant(uint256) = 6


struct Certificate:
    digest: bytes32  # sha256 of what is signed
    r: uint256
    s: uint256
    issuer: bytes32  # keccak256 of the name's DER
    subject: bytes32
    serial: uint256
    since: uint256
    until: uint256  # the last second
    x: uint256
    y: uint256
    extensions: Extensions


struct Extensions:
    ca: bool
    usage: uint256  # the first byte of the bits
    sgx: uint256  # where the entries of Intel's SGX extension begin; zero = it has none
    sgx_end: uint256


@pure
@internal
def _certificate(d: Bytes[MAX_PADDED]) -> Certificate:
    """
    @param d The certificate, then 32 bytes of zeros.
    """
    c: Certificate = empty(Certificate)
    head: uint256 = 0
    size: uint256 = 0
    head, size = der._open(extract32(d, 0, output_type=uint256), der.SEQUENCE)
    der._need(head + size + PAD == len(d))
    p: uint256 = head
    head, size = der._open(extract32(d, p, output_type=uint256), der.SEQUENCE)
    end: uint256 = p + head + size
    c.digest = sha256(slice(d, p, head + size))
    p += head
    # Version 3.
    der._need(extract32(d, p, output_type=uint256) >> 216 == convert(0xa003020102, uint256))
    p += 5
    c.serial, size = der._serial(extract32(d, p, output_type=uint256))
    p += size
    der._need(extract32(d, p, output_type=uint256) >> 160 == convert(der.ALGORITHM, uint256))
    p += der.ALGORITHM_SIZE
    c.issuer, size = self._name(d, p)
    p += size
    head, size = der._open(extract32(d, p, output_type=uint256), der.SEQUENCE)
    p += head
    after: uint256 = p + size
    c.since, size = der._time(extract32(d, p, output_type=uint256))
    p += size
    c.until, size = der._time(extract32(d, p, output_type=uint256))
    p += size
    der._need(p == after)
    c.subject, size = self._name(d, p)
    p += size
    der._need(extract32(d, p, output_type=uint256) >> 40 == convert(POINT, uint256))
    c.x = extract32(d, p + 27, output_type=uint256)
    c.y = extract32(d, p + 59, output_type=uint256)
    c.extensions = self._extensions(d, p + 91, end)
    der._need(len(d) - end <= der.MAX_SIGNATURE)
    c.r, c.s = der._signature(convert(slice(d, end, len(d) - end), Bytes[der.MAX_SIGNATURE]))
    return c


@pure
@internal
def _name(d: Bytes[MAX_PADDED], p: uint256) -> (bytes32, uint256):
    """
    @return Hash of the name at `p`, and how many bytes it takes.
    """
    head: uint256 = 0
    size: uint256 = 0
    head, size = der._open(extract32(d, p, output_type=uint256), der.SEQUENCE)
    return keccak256(slice(d, p, head + size)), head + size


@pure
@internal
def _extensions(d: Bytes[MAX_PADDED], start: uint256, end: uint256) -> Extensions:
    """
    @notice Refuses an extension that comes twice, and a critical one that it doesn't know.
    """
    found: Extensions = empty(Extensions)
    seen: uint256 = 0
    head: uint256 = 0
    size: uint256 = 0
    p: uint256 = start
    head, size = der._open(extract32(d, p, output_type=uint256), EXTENSIONS)
    der._need(p + head + size == end)
    p += head
    head, size = der._open(extract32(d, p, output_type=uint256), der.SEQUENCE)
    p += head
    der._need(p + size == end)
    for _: uint256 in range(MAX_EXTENSIONS):
        if p == end:
            break
        head, size = der._open(extract32(d, p, output_type=uint256), der.SEQUENCE)
        p += head
        after: uint256 = p + size
        word: uint256 = extract32(d, p, output_type=uint256)
        if word >> 168 == convert(ID_SGX, uint256):
            der._need(found.sgx == 0)
            p = self._value(d, p + 11, after)
            head, size = der._open(extract32(d, p, output_type=uint256), der.SEQUENCE)
            found.sgx = p + head
            found.sgx_end = after
            der._need(p + head + size == after)
        else:
            der._need(word >> 224 == convert(ID_CE, uint256))
            kind: uint256 = (word >> 216) & 255
            der._need((seen >> kind) & 1 == 0)
            seen |= 1 << kind
            critical: bool = (word >> 192) & convert(0xffffff, uint256) == convert(0x0101ff, uint256)
            p = self._value(d, p + (8 if critical else 5), after)
            word = extract32(d, p, output_type=uint256)
            if kind == BASIC_CONSTRAINTS:
                found.ca = self._is_ca(word, after - p)
            elif kind == KEY_USAGE:
                found.usage = self._usage(word, after - p)
            else:
                der._need(not critical)
        p = after
    der._need(p == end)
    return found


@pure
@internal
def _value(d: Bytes[MAX_PADDED], p: uint256, end: uint256) -> uint256:
    """
    @return Where the content of the OCTET STRING at `p` begins, which must end at `end`.
    """
    head: uint256 = 0
    size: uint256 = 0
    head, size = der._open(extract32(d, p, output_type=uint256), der.OCTET_STRING)
    der._need(p + head + size == end)
    return p + head


@pure
@internal
def _is_ca(word: uint256, size: uint256) -> bool:
    if size == 2:
        der._need(word >> 240 == convert(0x3000, uint256))
        return False
    if size == 5:
        der._need(word >> 216 == convert(0x30030101ff, uint256))
        return True
    # With the longest path below it, a number under 128.
    der._need(size == 8 and word >> 200 == convert(0x30060101ff0201, uint256))
    der._need((word >> 192) & 255 < 128)
    return True


@pure
@internal
def _usage(word: uint256, size: uint256) -> uint256:
    """
    @notice Refuses a BIT STRING that doesn't end with its last bit set.
    """
    der._need(size == 4 and word >> 240 == convert(0x0302, uint256))
    unused: uint256 = (word >> 232) & 255
    bits: uint256 = (word >> 224) & 255
    der._need(unused < 8 and (bits >> unused) & 1 == 1 and bits & ((1 << unused) - 1) == 0)
    return bits
