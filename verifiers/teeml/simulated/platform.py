# SPDX-License-Identifier: Apache-2.0
"""A machine that quotes: its PCK certificate, its quoting enclave, its collateral."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from verifiers.teeml.roots import (
    PCK,
    PLATFORM_CA,
    PROCESSOR_CA,
    ROOT_CA,
    TCB_SIGNING,
    point_of,
)
from verifiers.teeml.simulated.authority import Authority, pem, sign
from verifiers.teeml.simulated.bodies import enclave_report
from verifiers.teeml.simulated.collateral import MONTH, MRSIGNER, qe_identity, tcb_info
from verifiers.teeml.simulated.der import sgx_extension

VENDOR = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
_TDX = 0x81
_ECDSA_P256 = 2
_CHAIN, _QE_REPORT = 5, 6
_BODY_TYPES = {384: 1, 584: 2, 648: 3}


@dataclass(frozen=True)
class QuotingEnclave:
    """What the report of the quoting enclave says; its product id follows the kind of quote."""

    isvsvn: int = 6
    isvprodid: int | None = None
    mrsigner: bytes = MRSIGNER
    attributes: bytes = bytes.fromhex("11000000000000000000000000000000")
    miscselect: bytes = bytes(4)
    auth: bytes = bytes(range(32))
    report_data: bytes | None = None


@dataclass(frozen=True)
class Platform:
    """One machine. ``issued``: since when its collateral holds (Unix), a month long."""

    authority: Authority = field(default_factory=Authority)
    issued: int = 1_750_000_000
    label: str = "platform"
    sgx: tuple[int, ...] = (3,) * 16
    pcesvn: int = 11
    fmspc: bytes = bytes.fromhex("5151510000FF")
    pceid: bytes = bytes(2)
    scalable: bool = True
    qe: QuotingEnclave = field(default_factory=QuotingEnclave)

    @property
    def ppid(self) -> bytes:
        """The machine's id, 16 bytes."""
        return hashlib.sha256(self.label.encode()).digest()[:16]

    @property
    def ca(self) -> str:
        """The role that issues PCK certificates to this kind of machine."""
        return PLATFORM_CA if self.scalable else PROCESSOR_CA

    @property
    def ca_certificate(self) -> x509.Certificate:
        return self.authority.platform_ca if self.scalable else self.authority.processor_ca

    @cached_property
    def pck(self) -> x509.Certificate:
        return self.pck_certificate()

    def pck_certificate(
        self, *, since: int | None = None, until: int | None = None, serial: int | None = None
    ) -> x509.Certificate:
        """The machine's certificate, with other dates or serial when asked."""
        extension = sgx_extension(
            self.sgx, self.pcesvn, self.ppid, self.pceid, self.fmspc, self.scalable
        )
        key = self._key("pck")
        return self.authority.issue(
            PCK, self.ca, key=key, sgx=extension, since=since, until=until, serial=serial
        )

    # --- quotes -----------------------------------------------------------------------------

    def quote(
        self,
        version: int,
        body: bytes,
        *,
        pck: x509.Certificate | None = None,
        vendor: bytes = VENDOR,
        key_type: int = _ECDSA_P256,
        tee_type: int | None = None,
        body_type: int | None = None,
        certification: int = _CHAIN,
    ) -> bytes:
        """A signed quote of version 3, 4 or 5 over a report of 384, 584 or 648 bytes.

        The keyword arguments make quotes that a verifier must refuse; all are well signed.
        """
        own = 0 if len(body) == 384 else _TDX
        tee = own if tee_type is None else tee_type
        header = _le(version, 2) + _le(key_type, 2) + _le(tee, 4) + bytes(4) + vendor + bytes(20)
        if version == 5:
            kind = _BODY_TYPES[len(body)] if body_type is None else body_type
            header += _le(kind, 2) + _le(len(body), 4)
        signed = header + body
        auth = self._auth(version, signed, own == _TDX, pck or self.pck, certification)
        return signed + _le(len(auth), 4) + auth

    def _auth(
        self, version: int, signed: bytes, tdx: bool, pck: x509.Certificate, certification: int
    ) -> bytes:
        key = self._key("attestation")
        point = point_of(key.public_key())
        report = self._qe_report(point, tdx)
        chain = pem(pck, self.ca_certificate, self.authority.root).encode()
        certified = b"".join(
            [
                report,
                sign(self._key("pck"), report),
                _le(len(self.qe.auth), 2),
                self.qe.auth,
                _le(certification, 2),
                _le(len(chain), 4),
                chain,
            ]
        )
        wrapper = _le(_QE_REPORT, 2) + _le(len(certified), 4) if version > 3 else b""
        return sign(key, signed) + point + wrapper + certified

    def _qe_report(self, point: bytes, tdx: bool) -> bytes:
        qe = self.qe
        binding = hashlib.sha256(point + qe.auth).digest() + bytes(32)
        own = 2 if tdx else 1
        return enclave_report(
            binding if qe.report_data is None else qe.report_data,
            cpusvn=bytes(self.sgx),
            miscselect=qe.miscselect,
            attributes=qe.attributes,
            mrsigner=qe.mrsigner,
            isvprodid=own if qe.isvprodid is None else qe.isvprodid,
            isvsvn=qe.isvsvn,
        )

    def _key(self, name: str) -> ec.EllipticCurvePrivateKey:
        return self.authority.key(f"{self.label}/{name}")

    # --- collateral -------------------------------------------------------------------------

    def collateral(
        self,
        *,
        tdx: bool = True,
        tcb: str | None = None,
        identity: str | None = None,
        revoked: Sequence[int] = (),
        root_revoked: Sequence[int] = (),
        crl_window: tuple[int, int] | None = None,
        root_crl_window: tuple[int, int] | None = None,
    ) -> dict[str, str]:
        """What a verifier needs, in the JSON shape of dcap-qvl; texts are signed as given."""
        authority = self.authority
        text = tcb or tcb_info(self.issued, self.fmspc, tdx=tdx, pceid=self.pceid)
        qe = identity or qe_identity(self.issued, tdx=tdx)
        month = (self.issued, self.issued + MONTH)
        signer = pem(authority.tcb_signing, authority.root)
        root_crl = authority.crl(ROOT_CA, *(root_crl_window or month), root_revoked)
        pck_crl = authority.crl(self.ca, *(crl_window or month), revoked)
        return {
            "pck_crl_issuer_chain": pem(self.ca_certificate, authority.root),
            "root_ca_crl": root_crl.public_bytes(Encoding.DER).hex(),
            "pck_crl": pck_crl.public_bytes(Encoding.DER).hex(),
            "tcb_info_issuer_chain": signer,
            "tcb_info": text,
            "tcb_info_signature": sign(authority.key(TCB_SIGNING), text.encode()).hex(),
            "qe_identity_issuer_chain": signer,
            "qe_identity": qe,
            "qe_identity_signature": sign(authority.key(TCB_SIGNING), qe.encode()).hex(),
        }


def _le(value: int, size: int) -> bytes:
    return value.to_bytes(size, "little")
