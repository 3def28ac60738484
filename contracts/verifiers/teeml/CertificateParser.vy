# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
# pragma nonreentrancy on
"""
@title Parser of certificates
@license AGPL-3.0-only
@author Model Network
@notice Reads certificates and revocation lists for IntelCollateral. Stateless.
"""

from .modules import crl
from .modules import x509

from interfaces import ICertificateParser

implements: ICertificateParser


@pure
@external
def certificate(encoded: Bytes[2_048]) -> ICertificateParser.Certificate:
    c: x509.Certificate = x509._certificate(concat(encoded, empty(bytes32)))
    return ICertificateParser.Certificate(
        digest=c.digest,
        r=c.r,
        s=c.s,
        issuer=c.issuer,
        subject=c.subject,
        serial=c.serial,
        since=c.since,
        until=c.until,
        x=c.x,
        y=c.y,
        ca=c.extensions.ca,
        usage=c.extensions.usage,
        sgx=c.extensions.sgx != 0,
    )


@pure
@external
def revocation_list(encoded: Bytes[16_384]) -> ICertificateParser.RevocationList:
    d: Bytes[crl.MAX_PADDED] = concat(encoded, empty(bytes32))
    return crl._list(d)
