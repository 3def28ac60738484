# SPDX-License-Identifier: Apache-2.0
"""Certificates and revocation lists: shape, role, signature, time, revocation.

All of a certificate is read at once, as its parser reads lazily and so would fail late. A
certificate's last second counts; a revocation list's does not, for its successor is out by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
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

_KNOWN_CRITICAL = {x509.BasicConstraints.oid, x509.KeyUsage.oid}
_UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


@dataclass(frozen=True)
class Certificate:
    """X.509 version 3 on P-256, signed by ECDSA with SHA-256; times in Unix seconds."""

    raw: x509.Certificate
    name: str
    subject: bytes
    serial: int
    since: int
    until: int
    key: ec.EllipticCurvePublicKey
    is_ca: bool
    extensions: x509.Extensions

    @property
    def point(self) -> bytes:
        """The key as x and y, 64 bytes."""
        return point_of(self.key)

    def check_role(self, root: Root, role: str, *, is_ca: bool) -> None:
        """Raises CertificateError."""
        if self.subject != root.subject(role).public_bytes():
            raise CertificateError(f"{self.name} where {root.prefix} {role} should be")
        if self.is_ca != is_ca:
            raise CertificateError(f"{self.name} is {'no' if is_ca else 'a'} CA")

    def check_signed(self, issuer: Certificate) -> None:
        """Name and signature of the issuer; raises ChainError."""
        try:
            self.raw.verify_directly_issued_by(issuer.raw)
        except (*_UNREADABLE, TypeError, InvalidSignature) as error:
            raise ChainError(f"{self.name} was not issued by {issuer.name}") from error

    def check_time(self, at: int) -> None:
        """Raises CertificateTimeError."""
        if not self.since <= at <= self.until:
            raise CertificateTimeError(f"{self.name} is not valid at {at}")


@dataclass(frozen=True)
class RevocationList:
    """The serial numbers that one issuer revoked; ``until``: the last second, Unix."""

    serials: frozenset[int]
    until: int

    def check(self, certificate: Certificate) -> None:
        """Raises RevokedError."""
        if certificate.serial in self.serials:
            raise RevokedError(f"{certificate.name} was revoked")


def read_chain(pem: bytes) -> list[Certificate]:
    """All of a chain; raises CertificateError."""
    return [_read(one) for one in _load(pem)]


def read_leaf(pem: bytes) -> Certificate:
    """The first of a chain, whatever the others are; raises CertificateError."""
    return _read(_load(pem)[0])


def _load(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem.rstrip(b"\0"))
    except _UNREADABLE as error:
        raise CertificateError(f"a certificate can't be read: {error}") from error


def _read(raw: x509.Certificate) -> Certificate:
    try:
        return _facts(raw)
    except _UNREADABLE as error:
        raise CertificateError(f"a certificate can't be read: {error}") from error


def _facts(raw: x509.Certificate) -> Certificate:
    names = raw.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    key, extensions = raw.public_key(), raw.extensions
    if raw.version != x509.Version.v3 or not names:
        raise CertificateError("a certificate is not of version 3, or has no name")
    if raw.signature_algorithm_oid != SignatureAlgorithmOID.ECDSA_WITH_SHA256:
        raise CertificateError("a certificate is not signed by ECDSA with SHA-256")
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CertificateError("a certificate's key is not on P-256")
    if not {one.oid for one in extensions if one.critical} <= _KNOWN_CRITICAL:
        raise CertificateError("a certificate has an unknown critical extension")
    return Certificate(
        raw,
        str(names[0].value),
        raw.subject.public_bytes(),
        raw.serial_number,
        int(raw.not_valid_before_utc.timestamp()),
        int(raw.not_valid_after_utc.timestamp()),
        key,
        _is_ca(extensions),
        extensions,
    )


def _is_ca(extensions: x509.Extensions) -> bool:
    is_ca = extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    wanted = usage.key_cert_sign and usage.crl_sign if is_ca else usage.digital_signature
    if not wanted or usage.key_cert_sign != is_ca:
        raise CertificateError("a certificate's key usage does not fit its constraints")
    return is_ca


def check_root(certificate: Certificate, root: Root, at: int) -> None:
    """The pinned key, and valid at that time."""
    certificate.check_role(root, ROOT_CA, is_ca=True)
    if certificate.point != root.point:
        raise ChainError(f"the chain ends in a root that is not {root.prefix}'s")
    certificate.check_signed(certificate)
    certificate.check_time(at)


def read_revocations(der: bytes, issuer: Certificate, at: int) -> RevocationList:
    """Raises RevocationListError, ChainError."""
    try:
        return _revocations(x509.load_der_x509_crl(der), issuer, at)
    except _UNREADABLE as error:
        raise RevocationListError(f"a revocation list can't be read: {error}") from error


def _revocations(
    found: x509.CertificateRevocationList, issuer: Certificate, at: int
) -> RevocationList:
    if found.signature_algorithm_oid != SignatureAlgorithmOID.ECDSA_WITH_SHA256:
        raise RevocationListError("a revocation list is not signed by ECDSA with SHA-256")
    if found.issuer.public_bytes() != issuer.subject:
        raise RevocationListError(f"a revocation list is not that of {issuer.name}")
    if not found.is_signature_valid(issuer.key):
        raise ChainError(f"the revocation list of {issuer.name} was not signed by it")
    critical = any(extension.critical for extension in found.extensions)
    if critical or found.next_update_utc is None:
        raise RevocationListError(f"the revocation list of {issuer.name} is of an unknown shape")
    since, until = int(found.last_update_utc.timestamp()), _last_second(found.next_update_utc)
    if not since <= at <= until:
        raise RevocationListError(f"the revocation list of {issuer.name} does not hold at {at}")
    return RevocationList(frozenset(entry.serial_number for entry in found), until)


def _last_second(next_update: datetime) -> int:
    return int(next_update.timestamp()) - 1
