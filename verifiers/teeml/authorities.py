# SPDX-License-Identifier: Apache-2.0
"""The vendor's certificates and revocation lists, and what was signed under them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from verifiers.teeml.certificates import (
    Certificate,
    RevocationList,
    check_root,
    read_chain,
    read_leaf,
    read_revocations,
)
from verifiers.teeml.collateral import Collateral, QeIdentity, TcbInfo
from verifiers.teeml.errors import (
    CertificateError,
    CollateralMismatchError,
    CollateralSignatureError,
    CollateralTimeError,
)
from verifiers.teeml.quote import Quote
from verifiers.teeml.roots import PCK, PLATFORM_CA, PROCESSOR_CA, TCB_SIGNING, Root
from verifiers.teeml.signatures import is_signed

Signed = TypeVar("Signed", TcbInfo, QeIdentity)


@dataclass(frozen=True)
class Authorities:
    """The vendor's certificates and revocation lists, checked, and for how long they hold."""

    root: Root
    at: int
    root_certificate: Certificate
    pck_ca: Certificate
    root_revocations: RevocationList
    pck_revocations: RevocationList
    collateral: Collateral

    @classmethod
    def check(cls, collateral: Collateral, root: Root, at: int) -> Authorities:
        ca, top = _pair(collateral.pck_crl_issuer_chain, "PCK CA")
        check_root(top, root, at)
        revoked = read_revocations(collateral.root_ca_crl, top, at)
        revoked.check(top)
        ca.check_role(root, _pck_ca_role(ca, root), is_ca=True)
        ca.check_signed(top)
        ca.check_time(at)
        revoked.check(ca)
        pck_revoked = read_revocations(collateral.pck_crl, ca, at)
        return cls(root, at, top, ca, revoked, pck_revoked, collateral)

    @property
    def until(self) -> int:
        lists = (self.root_revocations.until, self.pck_revocations.until)
        return min(*lists, self.root_certificate.until, self.pck_ca.until)

    def check_pck(self, quote: Quote) -> Certificate:
        leaf = read_leaf(quote.chain)
        leaf.check_role(self.root, PCK, is_ca=False)
        leaf.check_signed(self.pck_ca)
        leaf.check_time(self.at)
        self.pck_revocations.check(leaf)
        return leaf

    def read_tcb_info(self, quote: Quote) -> TcbInfo:
        given = self.collateral
        chain, signature = given.tcb_info_issuer_chain, given.tcb_info_signature
        info = self._read(TcbInfo.parse, given.tcb_info, signature, chain, "TCB info")
        if info.id != ("TDX" if quote.is_tdx else "SGX"):
            raise CollateralMismatchError(f"TCB info of {info.id} for another kind of quote")
        return info

    def read_qe_identity(self, quote: Quote) -> QeIdentity:
        given = self.collateral
        chain, signature = given.qe_identity_issuer_chain, given.qe_identity_signature
        identity = self._read(QeIdentity.parse, given.qe_identity, signature, chain, "QE identity")
        if identity.id != ("TD_QE" if quote.is_tdx else "QE"):
            raise CollateralMismatchError(f"identity of {identity.id} for another kind of quote")
        return identity

    def _read(
        self, parse: Callable[[str], Signed], text: str, signature: bytes, chain: str, what: str
    ) -> Signed:
        signer, _ = _pair(chain, what)
        signer.check_role(self.root, TCB_SIGNING, is_ca=False)
        signer.check_signed(self.root_certificate)
        signer.check_time(self.at)
        self.root_revocations.check(signer)
        if not is_signed(signer.point, signature, text.encode()):
            raise CollateralSignatureError(f"{what} was not signed by its signer")
        found = parse(text)
        if not found.issued <= self.at <= found.until:
            raise CollateralTimeError(f"{what} does not hold at {self.at}")
        return found


def _pair(chain: str, what: str) -> tuple[Certificate, Certificate]:
    found = read_chain(chain.encode())
    if len(found) != 2:
        raise CertificateError(f"chain of the {what}: {len(found)} certificates, want 2")
    return found[0], found[1]


def _pck_ca_role(certificate: Certificate, root: Root) -> str:
    is_processor = certificate.subject == root.subject(PROCESSOR_CA).public_bytes()
    return PROCESSOR_CA if is_processor else PLATFORM_CA
