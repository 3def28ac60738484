# SPDX-License-Identifier: Apache-2.0
"""A GPU in software: evidence of the vendor's shape, under a root that says SIMULATED."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property, lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384

from verifiers.teeml.gpus.claims import Golden
from verifiers.teeml.gpus.sources import GpuEvidence
from verifiers.teeml.simulated.authority import moment, pem

_ORDER = int(
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    16,
)
_FIRMWARE_OID = x509.ObjectIdentifier("2.23.133.5.4.1")
_SINCE, _UNTIL = 1_700_000_000, 2_500_000_000
_DRIVER, _VBIOS = b"0.0.0\0", b"\x51\x51"
_BLOCKS = 4
_ROOT = "SIMULATED Device Identity CA"


@lru_cache(maxsize=64)
def _key(label: str) -> ec.EllipticCurvePrivateKey:
    number = int.from_bytes(hashlib.sha512(b"simulated GPU " + label.encode()).digest(), "big")
    return ec.derive_private_key(number % (_ORDER - 1) + 1, ec.SECP384R1())


def root_point() -> tuple[int, int]:
    """The point of the simulated vendor's root key."""
    found = _key(_ROOT).public_key().public_numbers()
    return found.x, found.y


class SimulatedGpu:
    """The one device of a machine. ``tampered``: measures otherwise, as with debugging on."""

    name = "simulated"

    def __init__(self, label: str = "platform", *, tampered: bool = False) -> None:
        self._label = f"SIMULATED {label}"
        self._tampered = tampered

    @staticmethod
    def golden() -> Golden:
        """What the simulated vendor would publish of its firmware."""
        measured = {index: _digest(index) for index in range(1, _BLOCKS + 1)}
        return Golden({f"{_DRIVER.decode().rstrip(chr(0))}/{_VBIOS.hex()}": measured})

    def collect(self, nonce: bytes) -> Sequence[GpuEvidence]:
        """Anew for each nonce."""
        signed = b"\x11\xe0\x01\xff" + nonce + b"\0" + self._response()
        pair = decode_dss_signature(_key(self._label).sign(signed, ec.ECDSA(SHA384())))
        signature = b"".join(part.to_bytes(48, "big") for part in pair)
        return [GpuEvidence(signed + signature, self._chain)]

    def _response(self) -> bytes:
        record = b"".join(self._block(index) for index in range(1, _BLOCKS + 1))
        opaque = _field(3, _DRIVER) + _field(6, _VBIOS) + _field(20, self._firmware)
        size = len(record).to_bytes(3, "little")
        head = b"\x11\x60\0\0" + bytes([_BLOCKS]) + size
        return head + record + bytes(32) + len(opaque).to_bytes(2, "little") + opaque

    def _block(self, index: int) -> bytes:
        value = _digest(index + 100 if self._tampered and index == 1 else index)
        block = b"\x01" + len(value).to_bytes(2, "little") + value
        return bytes([index, 1]) + len(block).to_bytes(2, "little") + block

    @property
    def _firmware(self) -> bytes:
        return hashlib.sha384(self._label.encode()).digest()

    @cached_property
    def _chain(self) -> bytes:
        return pem(self._issued(), _root()).encode()

    def _issued(self) -> x509.Certificate:
        given = x509.UnrecognizedExtension(_FIRMWARE_OID, self._firmware)
        return (
            _certificate(self._label)
            .add_extension(given, critical=False)
            .sign(_key(_ROOT), SHA384(), ecdsa_deterministic=True)
        )


@lru_cache(maxsize=1)
def _root() -> x509.Certificate:
    ca = x509.BasicConstraints(ca=True, path_length=None)
    builder = _certificate(_ROOT).add_extension(ca, critical=True)
    return builder.sign(_key(_ROOT), SHA384(), ecdsa_deterministic=True)


def _certificate(label: str) -> x509.CertificateBuilder:
    public = _key(label).public_key()
    serial = x509.SubjectKeyIdentifier.from_public_key(public).digest
    return (
        x509.CertificateBuilder()
        .subject_name(_name(label))
        .issuer_name(_name(_ROOT))
        .public_key(public)
        .serial_number(int.from_bytes(serial, "big") >> 1)
        .not_valid_before(moment(_SINCE))
        .not_valid_after(moment(_UNTIL))
    )


def _name(label: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, label)])


def _digest(index: int) -> bytes:
    return hashlib.sha384(b"SIMULATED measurement %d" % index).digest()


def _field(kind: int, value: bytes) -> bytes:
    return kind.to_bytes(2, "little") + len(value).to_bytes(2, "little") + value
