# SPDX-License-Identifier: Apache-2.0
"""The certificates and keys that Intel holds for real platforms, here derived from a seed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from verifiers.teeml.roots import (
    PLATFORM_CA,
    PROCESSOR_CA,
    ROOT_CA,
    TCB_SIGNING,
    Root,
    point_of,
    simulated,
)
from verifiers.teeml.simulated.der import SGX_EXTENSION

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_DAY = 86_400
_CRL_URL = "http://127.0.0.1/simulated.crl"


@lru_cache(maxsize=256)
def private_key(seed: bytes, label: str) -> ec.EllipticCurvePrivateKey:
    """The P-256 key of that label under ``seed``."""
    number = int.from_bytes(hashlib.sha512(seed + label.encode()).digest(), "big")
    return ec.derive_private_key(number % (_ORDER - 1) + 1, ec.SECP256R1())


def sign(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """r and s, 64 bytes; the same for the same message."""
    signature = key.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True))
    return b"".join(part.to_bytes(32, "big") for part in decode_dss_signature(signature))


@dataclass(frozen=True)
class Authority:
    """Root, both PCK CAs, TCB signer; certificates are valid from ``since`` to ``until`` (Unix)."""

    seed: bytes = b"simulated"
    since: int = 1_700_000_000
    until: int = 2_500_000_000

    @cached_property
    def trust(self) -> Root:
        """What a verifier must be told to believe this authority."""
        return simulated(point_of(self.key(ROOT_CA).public_key()), self.until)

    @cached_property
    def root(self) -> x509.Certificate:
        return self.issue(ROOT_CA, ROOT_CA, path_length=1)

    @cached_property
    def platform_ca(self) -> x509.Certificate:
        return self.issue(PLATFORM_CA, ROOT_CA, path_length=0)

    @cached_property
    def processor_ca(self) -> x509.Certificate:
        return self.issue(PROCESSOR_CA, ROOT_CA, path_length=0)

    @cached_property
    def tcb_signing(self) -> x509.Certificate:
        return self.issue(TCB_SIGNING, ROOT_CA)

    def key(self, role: str) -> ec.EllipticCurvePrivateKey:
        """The private key of a role, or of any other label."""
        return private_key(self.seed, role)

    def issue(
        self,
        role: str,
        issuer: str,
        *,
        key: ec.EllipticCurvePrivateKey | None = None,
        path_length: int | None = None,
        sgx: bytes | None = None,
        since: int | None = None,
        until: int | None = None,
        serial: int | None = None,
    ) -> x509.Certificate:
        """A certificate of Intel's shape; with a ``path_length`` it is a CA."""
        public = (key or self.key(role)).public_key()
        own = x509.SubjectKeyIdentifier.from_public_key(public)
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.trust.subject(role))
            .issuer_name(self.trust.subject(issuer))
            .public_key(public)
            .serial_number(serial or int.from_bytes(own.digest, "big") >> 1)
            .not_valid_before(moment(self.since if since is None else since))
            .not_valid_after(moment(self.until if until is None else until))
        )
        for extension, critical in self._extensions(own, issuer, path_length):
            builder = builder.add_extension(extension, critical)
        if sgx is not None:
            given = x509.UnrecognizedExtension(SGX_EXTENSION, sgx)
            builder = builder.add_extension(given, critical=False)
        return builder.sign(self.key(issuer), SHA256(), ecdsa_deterministic=True)

    def _extensions(
        self, own: x509.SubjectKeyIdentifier, issuer: str, path_length: int | None
    ) -> list[tuple[x509.ExtensionType, bool]]:
        is_ca = path_length is not None
        uri = x509.UniformResourceIdentifier(_CRL_URL)
        return [
            (_authority_key(self.key(issuer)), False),
            (x509.CRLDistributionPoints([x509.DistributionPoint([uri], None, None, None)]), False),
            (own, False),
            (_usage(is_ca), True),
            (x509.BasicConstraints(is_ca, path_length), True),
        ]

    def crl(
        self, issuer: str, issued: int, until: int, revoked: Sequence[int] = (), number: int = 1
    ) -> x509.CertificateRevocationList:
        """``revoked`` are serial numbers; ``issuer`` a role."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.trust.subject(issuer))
            .last_update(moment(issued))
            .next_update(moment(until))
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(_authority_key(self.key(issuer)), critical=False)
        )
        for serial in revoked:
            builder = builder.add_revoked_certificate(_revoked(serial, issued - _DAY))
        return builder.sign(self.key(issuer), SHA256(), ecdsa_deterministic=True)


def pem(*certificates: x509.Certificate) -> str:
    """A chain as PEM."""
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates).decode()


def moment(unix: int) -> datetime:
    return datetime.fromtimestamp(unix, UTC)


def _authority_key(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _revoked(serial: int, since: int) -> x509.RevokedCertificate:
    reason = x509.CRLReason(x509.ReasonFlags.key_compromise)
    builder = x509.RevokedCertificateBuilder().serial_number(serial)
    return builder.revocation_date(moment(since)).add_extension(reason, critical=False).build()


def _usage(is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=not is_ca,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )
