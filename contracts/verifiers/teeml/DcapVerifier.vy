# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
# pragma nonreentrancy on
"""
@title Verifier of DCAP quotes
@license AGPL-3.0-only
@author Model Network
@notice Follows the signatures from a quote to Intel's root: the attestation key signed the quote, the quoting enclave
        vouches for that key, the platform's certificate signed the enclave's report, and an authority in
        IntelCollateral signed the certificate. What the platform is worth is that contract's to say. Stateless.
"""

from .modules import p256_check as p256
from .modules import pck_extension as pck
from .modules import quote_body as body
from .modules import x509

from interfaces import IDcapVerifier
from interfaces import IIntelCollateral

implements: IDcapVerifier

COLLATERAL: public(immutable(address))
SIMULATED: immutable(bool)


@deploy
def __init__(collateral: address):
    """
    @param collateral An IntelCollateral.
    """
    COLLATERAL = collateral
    SIMULATED = staticcall IIntelCollateral(collateral).SIMULATED()


@view
@external
def verify(
    quote: IDcapVerifier.Quote, authority: bytes20, tcb_evaluation: uint256, qe_evaluation: uint256
) -> IDcapVerifier.Claims:
    """
    @notice Refuses a quote that is not one of a live, known platform in a known state, or whose enclave can be looked
            into.
    @param authority The certificate in IntelCollateral that issued the platform's.
    @param tcb_evaluation Evaluation number of the TCB info to use; `qe_evaluation` that of the QE identity.
    """
    claims: IDcapVerifier.Claims = self._claims(quote.signed)
    c: x509.Certificate = empty(x509.Certificate)
    platform: pck.Platform = empty(pck.Platform)
    c, platform = self._platform(quote.pck)
    quoted: IIntelCollateral.Quoted = self._enclave(quote.qe_report, quote.key, quote.qe_auth)
    quoted.authority = authority
    quoted.issuer = c.issuer
    quoted.serial = c.serial
    quoted.tdx = claims.tdx
    quoted.fmspc = platform.fmspc
    quoted.pceid = platform.pceid
    quoted.svns = platform.svns
    quoted.pcesvn = platform.pcesvn
    quoted.tcb_evaluation = tcb_evaluation
    quoted.qe_evaluation = qe_evaluation
    if claims.tdx:
        start: uint256 = body.HEADER_V5 if claims.version == 5 else body.HEADER
        quoted.tee_svns = extract32(quote.signed, start, output_type=uint256) >> 128
    verdict: IIntelCollateral.Verdict = staticcall IIntelCollateral(COLLATERAL).judge(quoted)
    assert p256._is_signed(c.digest, c.r, c.s, verdict.x, verdict.y), "pck signature"
    enclave: bytes32 = sha256(quote.qe_report)
    assert p256._is_signed(enclave, quote.qe_signature[0], quote.qe_signature[1], c.x, c.y), "qe signature"
    signed: bytes32 = sha256(quote.signed)
    assert p256._is_signed(
        signed, quote.signature[0], quote.signature[1], quote.key[0], quote.key[1]
    ), "quote signature"
    claims.status = verdict.status
    claims.fmspc = platform.fmspc
    claims.platform = keccak256(slice(convert(platform.ppid, bytes32), 16, 16))
    claims.issuer = keccak256(abi_encode(verdict.x, verdict.y))
    claims.serial = c.serial
    claims.evaluation = min(tcb_evaluation, qe_evaluation)
    claims.issued = verdict.issued
    claims.until = min(verdict.until, c.until)
    claims.simulated = SIMULATED
    return claims


@pure
@internal
def _claims(signed: Bytes[body.MAX_SIGNED]) -> IDcapVerifier.Claims:
    """
    @return What the quote says of itself.
    """
    claims: IDcapVerifier.Claims = empty(IDcapVerifier.Claims)
    start: uint256 = 0
    claims.version, start = body._body(signed)
    data: uint256 = start + 320
    if claims.version == 3:
        body._check_sgx(signed)
        claims.measurement = keccak256(slice(signed, start + 16, 242))
        claims.runtime_measurement = claims.measurement
        claims.svn = body._u16(extract32(signed, start + 258, output_type=uint256))
    else:
        claims.tdx = True
        body._check_tdx(signed, start)
        claims.measurement = keccak256(slice(signed, start + 120, 352))
        claims.runtime_measurement = keccak256(slice(signed, start + 120, 400))
        data = start + 520
    claims.report_data = [extract32(signed, data), extract32(signed, data + 32)]
    return claims


@view
@internal
def _platform(encoded: Bytes[x509.MAX_DER]) -> (x509.Certificate, pck.Platform):
    """
    @notice Reads a platform's certificate, whose signature is not checked here.
    """
    d: Bytes[x509.MAX_PADDED] = concat(encoded, empty(bytes32))
    c: x509.Certificate = x509._certificate(d)
    assert c.extensions.sgx != 0 and not c.extensions.ca, "certificate use"
    assert c.extensions.usage & x509.DIGITAL_SIGNATURE != 0, "certificate use"
    assert block.timestamp >= c.since and block.timestamp <= c.until, "certificate window"
    return c, pck._platform(d, c.extensions.sgx, c.extensions.sgx_end)


@pure
@internal
def _enclave(report: Bytes[body.REPORT], key: uint256[2], auth: bytes32) -> IIntelCollateral.Quoted:
    """
    @notice Refuses a report that doesn't vouch for the attestation key.
    @return What the quoting enclave's report says.
    """
    assert len(report) == body.REPORT, "quote"
    bound: bytes32 = sha256(concat(convert(key[0], bytes32), convert(key[1], bytes32), auth))
    assert extract32(report, 320) == bound and extract32(report, 352) == empty(bytes32), "qe report data"
    quoted: IIntelCollateral.Quoted = empty(IIntelCollateral.Quoted)
    quoted.mrsigner = extract32(report, 128)
    quoted.miscselect = extract32(report, 16, output_type=uint256) >> 224
    quoted.attributes = extract32(report, 48, output_type=uint256) >> 128
    word: uint256 = extract32(report, 256, output_type=uint256)
    quoted.product = body._u16(word)
    quoted.version = body._u16(word << 16)
    return quoted
