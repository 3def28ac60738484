# SPDX-License-Identifier: Apache-2.0
"""Whom a quote's certificates must lead to: Intel, or on development chains a simulated root."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from verifiers.teeml.errors import RootFileError

ROOT_CA, PLATFORM_CA, PROCESSOR_CA = "SGX Root CA", "SGX PCK Platform CA", "SGX PCK Processor CA"
TCB_SIGNING, PCK = "SGX TCB Signing", "SGX PCK Certificate"


@dataclass(frozen=True)
class Root:
    """A root's public ``point`` (x, y: 64 bytes) and how its certificates are named.

    ``place``: organization, locality, state, country; ``until``: the last second of its
    certificate, Unix.
    """

    point: bytes
    prefix: str
    place: tuple[str, str, str, str]
    until: int

    @property
    def simulated(self) -> bool:
        return self.prefix == _SIMULATED

    def subject(self, role: str) -> x509.Name:
        """The one name of a role, attributes in the vendor's order."""
        kinds = (
            NameOID.COMMON_NAME,
            NameOID.ORGANIZATION_NAME,
            NameOID.LOCALITY_NAME,
            NameOID.STATE_OR_PROVINCE_NAME,
            NameOID.COUNTRY_NAME,
        )
        values = (f"{self.prefix} {role}", *self.place)
        pairs = zip(kinds, values, strict=True)
        return x509.Name([x509.NameAttribute(kind, value) for kind, value in pairs])


_SIMULATED = "SIMULATED"
INTEL = Root(
    bytes.fromhex(
        "0ba9c4c0c0c86193a3fe23d6b02cda10a8bbd4e88e48b4458561a36e705525f5"
        "67918e2edc88e40d860bd0cc4ee26aacc988e505a953558c453f6b0904ae7394"
    ),
    "Intel",
    ("Intel Corporation", "Santa Clara", "CA", "US"),
    2_524_607_999,
)


def simulated(point: bytes, until: int) -> Root:
    """A root of no worth but to tests and development chains; its names say so."""
    return Root(point, _SIMULATED, ("SIMULATED NOT INTEL", "Nowhere", "ZZ", "ZZ"), until)


def read_root(data: bytes) -> Root:
    """A simulated root from its certificate in PEM; raises RootFileError for any other."""
    try:
        certificate = x509.load_pem_x509_certificate(data)
    except ValueError as error:
        raise RootFileError(f"not a certificate in PEM: {error}") from error
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise RootFileError("the root's key is not on P-256")
    root = simulated(point_of(key), int(certificate.not_valid_after_utc.timestamp()))
    if certificate.subject != root.subject(ROOT_CA):
        raise RootFileError("only a root whose name says SIMULATED may stand in for Intel's")
    return root


def point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    """x and y, 64 bytes."""
    numbers = key.public_numbers()
    return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
