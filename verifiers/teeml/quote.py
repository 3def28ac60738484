# SPDX-License-Identifier: Apache-2.0
"""A DCAP quote taken apart: SGX version 3, TDX version 4, TDX version 5 with 1.0 and 1.5 bodies.

Only what is signed decides. Lengths and the certificates after the first are transport: they must
be readable, no more.
"""

from __future__ import annotations

from dataclasses import dataclass

from offchain_workers.chain.hashing import keccak
from verifiers.teeml.errors import QuoteKindError, QuoteShapeError
from verifiers.teeml.reports import (
    ENCLAVE_BYTES,
    TD10_BYTES,
    TD15_BYTES,
    EnclaveReport,
    TdReport,
)

HEADER_BYTES = 48
QE_AUTH_BYTES = 32
_VENDOR = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
_ECDSA_P256 = 2
_SGX, _TDX = 0, 0x81
_PCK_CHAIN, _QE_REPORT = 5, 6
# SGX: all from MISCSELECT to the product's id. TDX: attributes, XFAM, MRTD to RTMR2.
_MEASURED = {False: slice(16, 258), True: slice(120, 472)}
_WITH_RTMR3 = slice(120, 520)
_V5_BODIES = {2: TD10_BYTES, 3: TD15_BYTES}


@dataclass(frozen=True)
class Quote:
    """``signed`` is header and body; keys and signatures are two words of 32 bytes each."""

    version: int
    signed: bytes
    report: EnclaveReport | TdReport
    signature: bytes
    attestation_key: bytes
    qe_report: EnclaveReport
    qe_signature: bytes
    qe_auth: bytes
    chain: bytes

    @property
    def is_tdx(self) -> bool:
        return isinstance(self.report, TdReport)

    @property
    def measurement(self) -> bytes:
        """What policies list: keccak of all that is measured, but for what changes at run time."""
        return keccak(self.report.raw[_MEASURED[self.is_tdx]])

    @property
    def runtime_measurement(self) -> bytes:
        """A trust domain's with RTMR3 too, which grows at run time."""
        return keccak(self.report.raw[_WITH_RTMR3]) if self.is_tdx else self.measurement

    @classmethod
    def parse(cls, data: bytes) -> Quote:
        """Raises QuoteShapeError, QuoteKindError."""
        reader = _Reader(data)
        header = reader.take(HEADER_BYTES)
        version = int.from_bytes(header[:2], "little")
        _check_header(version, header)
        prefix, report = _body(reader, version)
        auth = _Reader(reader.take(reader.integer(4)))
        signature, key = auth.take(64), auth.take(64)
        if version > 3:
            auth = _section(auth, _QE_REPORT)
        qe_report = EnclaveReport(auth.take(ENCLAVE_BYTES))
        qe_signature, qe_auth = auth.take(64), auth.take(auth.integer(2))
        if len(qe_auth) != QE_AUTH_BYTES:
            raise QuoteKindError(f"{len(qe_auth)} bytes of QE authentication data, want 32")
        chain = _section(auth, _PCK_CHAIN).rest()
        signed = header + prefix + report.raw
        return cls(version, signed, report, signature, key, qe_report, qe_signature, qe_auth, chain)


class _Reader:
    """Bytes from the front, never beyond the end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        if len(taken) != size:
            raise QuoteShapeError(f"the quote ends early: {size} bytes expected, {len(taken)} left")
        self._at += size
        return taken

    def integer(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def rest(self) -> bytes:
        return self._data[self._at :]


def _check_header(version: int, header: bytes) -> None:
    key_type = int.from_bytes(header[2:4], "little")
    tee = int.from_bytes(header[4:8], "little")
    if version not in (3, 4, 5):
        hint = " (it begins as text does)" if header[:8].isascii() and version > 0xFF else ""
        raise QuoteKindError(f"quote version {version}{hint}; known are 3, 4 and 5")
    if tee != (_SGX if version == 3 else _TDX):
        raise QuoteKindError(f"TEE type {tee:#x} in a quote of version {version}")
    if key_type != _ECDSA_P256:
        raise QuoteKindError(f"attestation key type {key_type}; known is 2, ECDSA on P-256")
    if header[12:28] != _VENDOR:
        raise QuoteKindError("the quoting enclave's vendor is not Intel")


def _body(reader: _Reader, version: int) -> tuple[bytes, EnclaveReport | TdReport]:
    """What stands before the body, and the body."""
    if version == 3:
        return b"", EnclaveReport(reader.take(ENCLAVE_BYTES))
    if version == 4:
        return b"", TdReport(reader.take(TD10_BYTES))
    prefix = reader.take(6)
    kind, size = (int.from_bytes(part, "little") for part in (prefix[:2], prefix[2:]))
    if _V5_BODIES.get(kind) != size:
        raise QuoteKindError(f"body type {kind} of {size} bytes; known are 2 (584) and 3 (648)")
    return prefix, TdReport(reader.take(size))


def _section(reader: _Reader, kind: int) -> _Reader:
    found = reader.integer(2)
    if found != kind:
        raise QuoteKindError(f"certification data of type {found}, want {kind}")
    return _Reader(reader.take(reader.integer(4)))
