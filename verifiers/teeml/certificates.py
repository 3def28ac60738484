# SPDX-License-Identifier: Apache-2.0
"""Certificates and revocation lists: shape, role, signature, time, revocation.

Windows include both of their ends.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import SignatureAlgorithmOID

from verifiers.teeml.errors import (
    CertificateError,
    CertificateTimeError,
    ChainError,
    RevocationListError,
    RevokedError,
)
from verifiers.teeml.roots import ROOT_CA, Root, point_of

_KNOWN_CRITICAL = (x509.BasicConstraints, x509.KeyUsage)


@dataclass(frozen=True)
class RevocationList:
    """The serial numbers that one issuer revoked; ``until`` in Unix seconds."""

    serials: frozenset[int]
    until: int

    def check(self, certificate: x509.Certificate) -> None:
        """Raises RevokedError."""
        if certificate.serial_number in self.serials:
            raise RevokedError(f"{name_of(certificate)} was revoked")


def read_chain(pem: bytes) -> list[x509.Certificate]:
    """At least one certificate; raises CertificateError."""
    try:
        return x509.load_pem_x509_certificates(pem.rstrip(b"\0"))
    except ValueError as error:
        raise CertificateError(f"a certificate can't be read: {error}") from error


def check_root(certificate: x509.Certificate, root: Root, at: int) -> None:
    """The pinned key, and valid at that time."""
    check_shape(certificate, root, ROOT_CA, is_ca=True)
    if point_of(key_of(certificate)) != root.point:
        raise ChainError(f"the chain ends in a root that is not {root.prefix}'s")
    check_signed(certificate, certificate)
    check_time(certificate, at)


def check_shape(certificate: x509.Certificate, root: Root, role: str, *, is_ca: bool) -> None:
    """X.509 version 3 of exactly that role; raises CertificateError."""
    if certificate.version != x509.Version.v3:
        raise CertificateError(f"{name_of(certificate)} is not of version 3")
    if certificate.signature_algorithm_oid != SignatureAlgorithmOID.ECDSA_WITH_SHA256:
        raise CertificateError(f"{name_of(certificate)} is not signed by ECDSA with SHA-256")
    if certificate.subject.public_bytes() != root.subject(role).public_bytes():
        raise CertificateError(f"{name_of(certificate)} where {root.prefix} {role} should be")
    key_of(certificate)
    _check_extensions(certificate, is_ca)


def _check_extensions(certificate: x509.Certificate, is_ca: bool) -> None:
    try:
        found = certificate.extensions
        basic = found.get_extension_for_class(x509.BasicConstraints).value
        usage = found.get_extension_for_class(x509.KeyUsage).value
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        raise CertificateError(f"extensions of {name_of(certificate)}: {error}") from error
    unknown = [one.oid for one in found if one.critical]
    if not set(unknown) <= {kind.oid for kind in _KNOWN_CRITICAL}:
        raise CertificateError(f"{name_of(certificate)} has an unknown critical extension")
    fits = usage.key_cert_sign if is_ca else usage.digital_signature and not usage.key_cert_sign
    if basic.ca != is_ca or not fits:
        raise CertificateError(f"{name_of(certificate)} is {'no' if is_ca else 'a'} CA")


def check_signed(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    """Name and signature of the issuer; raises ChainError."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature) as error:
        whose = name_of(issuer)
        raise ChainError(f"{name_of(certificate)} was not issued by {whose}") from error


def check_time(certificate: x509.Certificate, at: int) -> None:
    """Raises CertificateTimeError."""
    since = int(certificate.not_valid_before_utc.timestamp())
    if not since <= at <= valid_until(certificate):
        raise CertificateTimeError(f"{name_of(certificate)} is not valid at {at}")


def read_revocations(der: bytes, issuer: x509.Certificate, at: int) -> RevocationList:
    """Raises RevocationListError, ChainError."""
    try:
        found = x509.load_der_x509_crl(der)
        serials = frozenset(entry.serial_number for entry in found)
        known = found.signature_algorithm_oid == SignatureAlgorithmOID.ECDSA_WITH_SHA256
        critical = any(extension.critical for extension in found.extensions)
    except ValueError as error:
        raise RevocationListError(f"a revocation list can't be read: {error}") from error
    whose = name_of(issuer)
    if not known or critical or found.next_update_utc is None:
        raise RevocationListError(f"the revocation list of {whose} is not of the vendor's shape")
    if found.issuer.public_bytes() != issuer.subject.public_bytes():
        raise RevocationListError(f"a revocation list is not that of {whose}")
    if not found.is_signature_valid(key_of(issuer)):
        raise ChainError(f"the revocation list of {whose} was not signed by it")
    since, until = (int(t.timestamp()) for t in (found.last_update_utc, found.next_update_utc))
    if not since <= at <= until:
        raise RevocationListError(f"the revocation list of {whose} does not hold at {at}")
    return RevocationList(serials, until)


def key_of(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    """A key on P-256; raises CertificateError."""
    try:
        key = certificate.public_key()
    except ValueError as error:
        raise CertificateError(f"the key of {name_of(certificate)} can't be read") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CertificateError(f"the key of {name_of(certificate)} is not on P-256")
    return key


def valid_until(certificate: x509.Certificate) -> int:
    """The last second, Unix."""
    return int(certificate.not_valid_after_utc.timestamp())


def name_of(certificate: x509.Certificate) -> str:
    """For messages."""
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if names else "a certificate without a name"
