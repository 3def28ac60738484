# SPDX-License-Identifier: Apache-2.0
"""Evidence of an NVIDIA GPU in confidential mode: an SPDM exchange signed by the device.

The enclave checks it before it makes a key, and binds its hash into the quote: on chain P-384 is
out of reach. What this does not show: that the GPU is in the same machine. Hopper and Blackwell
bind no GPU to a CPU, so that evidence of a genuine one elsewhere could be relayed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384

from verifiers.teeml.errors import (
    GpuChainError,
    GpuEvidenceError,
    GpuFirmwareError,
    GpuNonceError,
    GpuSignatureError,
)

_WORD = 48
_REQUEST_BYTES = 37
_GET_MEASUREMENTS, _MEASUREMENTS = b"\x11\xe0", b"\x11\x60"
_RECORD_AT, _NONCE_BYTES = 8, 32
_DMTF = 1
_DRIVER, _VBIOS, _FIRMWARE_ID = 3, 6, 20
_FIRMWARE_OID = x509.ObjectIdentifier("2.23.133.5.4.1")
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.InvalidVersion,
)
# The point of CN=NVIDIA Device Identity CA.
NVIDIA = (
    int(
        "0e4c14a33bf8a5626658db4129607e4cbf4519c4412716f4"
        "d0d917c4978005bdeabeaefd57bc66082d718a4f8b6052e1",
        16,
    ),
    int(
        "516ee8a7c422b84de857071bb58fd395bea0cfa1c63ee7c8"
        "0d6bd63901d91cbbd187d3857dc16b5cceaf238ff8c27dbd",
        16,
    ),
)


@dataclass(frozen=True)
class GpuReport:
    """What a device said: measurements (SHA-384) by index, versions, the nonce of the question."""

    chip: str
    nonce: bytes
    driver: str
    vbios: str
    measurements: Mapping[int, bytes]

    def debug_is_off(self, golden: Mapping[int, bytes]) -> bool:
        """Whether all that the vendor published for this firmware was measured.

        No field of the evidence tells the debug state: NVIDIA's own verifier concludes it from the
        measurements. Nothing to compare with tells nothing.
        """
        return bool(golden) and all(
            self.measurements.get(index) == value for index, value in golden.items()
        )


def check_gpu(
    evidence: bytes, chain: bytes, nonce: bytes, at: int, root: tuple[int, int] = NVIDIA
) -> GpuReport:
    """Chain to NVIDIA's root at Unix time ``at``, signature, nonce (32 bytes), firmware id.

    ``evidence`` is request and response as the driver returns them, ``chain`` in PEM; ``root``: the
    point of another one's key, for simulated devices.
    Raises GpuEvidenceError, GpuChainError, GpuSignatureError, GpuNonceError, GpuFirmwareError.
    """
    device = _device(chain, at, root)
    _check_signature(device, evidence[-2 * _WORD :], evidence[: -2 * _WORD])
    asked, _, opaque = _split(evidence[: -2 * _WORD])
    if asked != nonce:
        raise GpuNonceError("the GPU's evidence was made for another nonce")
    if _fields(opaque).get(_FIRMWARE_ID, b"-") != _certified_firmware(device):
        raise GpuFirmwareError("the GPU runs other firmware than its certificate says")
    return _report(evidence, device)


def read_gpu(evidence: bytes, chain: bytes) -> GpuReport:
    """What evidence says; nothing of it is checked. Raises GpuEvidenceError, GpuChainError."""
    try:
        device = x509.load_pem_x509_certificates(chain)[0]
    except _UNREADABLE as error:
        raise GpuChainError(f"the GPU's certificate chain is broken: {error}") from error
    return _report(evidence, device)


def _report(evidence: bytes, device: x509.Certificate) -> GpuReport:
    asked, record, opaque = _split(evidence[: -2 * _WORD])
    fields = _fields(opaque)
    names = device.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return GpuReport(
        " ".join(str(one.value) for one in names).partition(" ")[0],
        asked,
        fields.get(_DRIVER, b"").rstrip(b"\0").decode("ascii", "replace"),
        fields.get(_VBIOS, b"").hex(),
        _measurements(record),
    )


def _device(chain: bytes, at: int, trusted: tuple[int, int]) -> x509.Certificate:
    """The leaf of a chain whose every certificate was issued by the next; the last is pinned."""
    try:
        certificates = x509.load_pem_x509_certificates(chain)
        for one, issuer in zip(certificates, [*certificates[1:], certificates[-1]], strict=True):
            _check_link(one, issuer, at)
        root = _key(certificates[-1]).public_numbers()
    except (*_UNREADABLE, InvalidSignature) as error:
        raise GpuChainError(f"the GPU's certificate chain is broken: {error}") from error
    if (root.x, root.y) != trusted:
        raise GpuChainError("the GPU's chain ends in a root that is not NVIDIA's")
    return certificates[0]


def _check_link(one: x509.Certificate, issuer: x509.Certificate, at: int) -> None:
    one.verify_directly_issued_by(issuer)
    ends = (one.not_valid_before_utc.timestamp(), one.not_valid_after_utc.timestamp())
    if not ends[0] <= at <= ends[1]:
        raise GpuChainError("a certificate of the GPU's chain is not valid at that time")
    if not issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
        raise GpuChainError("a certificate of the GPU's chain was issued by no CA")


def _key(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise GpuChainError("a key of the GPU's chain is not on P-384")
    return key


def _check_signature(device: x509.Certificate, signature: bytes, signed: bytes) -> None:
    r, s = (int.from_bytes(part, "big") for part in (signature[:_WORD], signature[_WORD:]))
    try:
        _key(device).verify(encode_dss_signature(r, s), signed, ec.ECDSA(SHA384()))
    except (ValueError, InvalidSignature) as error:
        raise GpuSignatureError("the GPU did not sign this evidence") from error


def _split(signed: bytes) -> tuple[bytes, bytes, bytes]:
    """The request's nonce; the response's measurements and opaque data, with nothing between."""
    request, response = signed[:_REQUEST_BYTES], signed[_REQUEST_BYTES:]
    size = int.from_bytes(response[5:_RECORD_AT], "little")
    record, rest = response[_RECORD_AT:][:size], response[_RECORD_AT + size :]
    opaque = rest[_NONCE_BYTES + 2 :]
    length = int.from_bytes(rest[_NONCE_BYTES : _NONCE_BYTES + 2], "little")
    known = request[:2] == _GET_MEASUREMENTS and response[:2] == _MEASUREMENTS
    if not known or len(record) != size or len(opaque) != length:
        raise GpuEvidenceError("not a request for measurements and its response, SPDM 1.1")
    return request[4:36], record, opaque


def _fields(opaque: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while opaque:
        kind, size = (int.from_bytes(part, "little") for part in (opaque[:2], opaque[2:4]))
        if kind in found or len(opaque) < 4 + size:
            raise GpuEvidenceError("the opaque data of the GPU's evidence can't be read")
        found[kind], opaque = opaque[4 : 4 + size], opaque[4 + size :]
    return found


def _measurements(record: bytes) -> dict[int, bytes]:
    """Blocks of an index, a kind, a size, and within it again kind and size of the value."""
    found: dict[int, bytes] = {}
    while record:
        index, kind = record[0], record[1:2]
        size = int.from_bytes(record[2:4], "little")
        block, record = record[4 : 4 + size], record[4 + size :]
        value = block[3:]
        stated = int.from_bytes(block[1:3], "little")
        if kind != bytes([_DMTF]) or len(block) != size or len(value) != stated or index in found:
            raise GpuEvidenceError("the measurements of the GPU's evidence can't be read")
        found[index] = value
    return found


def _certified_firmware(device: x509.Certificate) -> bytes:
    """The last 48 bytes of the DICE extension."""
    try:
        found = device.extensions.get_extension_for_oid(_FIRMWARE_OID).value
    except _UNREADABLE as error:
        raise GpuChainError("the GPU's certificate names no firmware") from error
    return found.public_bytes()[-_WORD:]
