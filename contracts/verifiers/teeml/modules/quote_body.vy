# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title Quotes
@license AGPL-3.0-only
@author Model Network
@notice What the signed part of a quote says. Numbers in it are little-endian.
"""

MAX_SIGNED: constant(uint256) = 702
REPORT: constant(uint256) = 384
HEADER: constant(uint256) = 48
# Behind the header of a quote of version 5: what body follows, and its size.
HEADER_V5: constant(uint256) = 54
TD_REPORT: constant(uint256) = 584

# Version (16), ECDSA with P-256 (16), SGX or TDX (32)
SGX_V3: constant(bytes8) = 0x0300020000000000
TDX_V4: constant(bytes8) = 0x0400020081000000
TDX_V5: constant(bytes8) = 0x0500020081000000
QE_VENDOR: constant(bytes16) = 0x939a7233f79c4ca9940a0db3957f0607
BODY_1_0: constant(bytes6) = 0x020048020000
BODY_1_5: constant(bytes6) = 0x030088020000

# SGX attributes, the first byte: what must be (INIT), and of what nothing may be (DEBUG, PROVISIONKEY, EINITTOKEN_KEY).
SGX_INIT: constant(uint256) = 1
SGX_FORBIDDEN: constant(uint256) = 50
# TD attributes, the first byte highest: SEPT_VE_DISABLE, which must be; PKS, KL and PERFMON, which may be.
SEPT_VE_DISABLE: constant(bytes8) = 0x0000001000000000
OPTIONAL: constant(bytes8) = 0x000000c000000080


@pure
@internal
def _body(signed: Bytes[MAX_SIGNED]) -> (uint256, uint256):
    """
    @notice Refuses a header that is not one of a kind known here, or not of the quote's length.
    @return The quote's version, 3 for SGX, else TDX; and where the body begins.
    """
    head: uint256 = extract32(signed, 0, output_type=uint256)
    assert (head >> 32) & (2**128 - 1) == convert(QE_VENDOR, uint256), "quote"
    kind: bytes8 = convert(slice(convert(head, bytes32), 0, 8), bytes8)
    if kind == SGX_V3:
        assert len(signed) == HEADER + REPORT, "quote"
        return 3, HEADER
    if kind == TDX_V4:
        assert len(signed) == HEADER + TD_REPORT, "quote"
        return 4, HEADER
    assert kind == TDX_V5, "quote"
    body: uint256 = extract32(signed, HEADER, output_type=uint256) >> 208
    if body == convert(BODY_1_0, uint256):
        assert len(signed) == HEADER_V5 + TD_REPORT, "quote"
    else:
        assert body == convert(BODY_1_5, uint256) and len(signed) == MAX_SIGNED, "quote"
        # No service TD: it could migrate the domain, and nothing here judges it.
        low: uint256 = extract32(signed, HEADER_V5 + 600, output_type=uint256)
        assert low | extract32(signed, HEADER_V5 + 616, output_type=uint256) == 0, "service td"
    return 5, HEADER_V5


@pure
@internal
def _check_sgx(signed: Bytes[MAX_SIGNED]):
    """
    @notice Refuses an enclave that was not started as one, or can be looked into.
    """
    attributes: uint256 = extract32(signed, HEADER + 48, output_type=uint256) >> 248
    assert attributes & SGX_INIT != 0 and attributes & SGX_FORBIDDEN == 0, "sgx attributes"


@pure
@internal
def _check_tdx(signed: Bytes[MAX_SIGNED], body: uint256):
    """
    @notice Refuses a module that is not Intel's, and a domain that can be looked into.
    """
    # Signer (48) and attributes (8) of the module are zero, then the domain's attributes (8) follow.
    signer: uint256 = extract32(signed, body + 64, output_type=uint256)
    rest: uint256 = extract32(signed, body + 96, output_type=uint256) >> 64
    assert signer == 0 and rest == 0, "tdx module signer"
    attributes: uint256 = extract32(signed, body + 120, output_type=uint256) >> 192
    needed: uint256 = convert(SEPT_VE_DISABLE, uint256)
    assert attributes & needed == needed, "td attributes"
    assert attributes & (needed | convert(OPTIONAL, uint256)) == attributes, "td attributes"


@pure
@internal
def _u16(word: uint256) -> uint256:
    """
    @return The number that the first two bytes of `word` are.
    """
    return ((word >> 248) & 255) | (((word >> 240) & 255) << 8)
