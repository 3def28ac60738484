# SPDX-License-Identifier: Apache-2.0
"""The vendor's certificates and revocation lists, and what was signed under them."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Authorities:
    """The vendor's certificates and revocation lists, checked, and the last second of them all."""

    root: Root
    at: int
    pck_ca: Certificate
    tcb_signer: Certificate
    qe_signer: Certificate
    pck_revocations: RevocationList
    until: int
    collateral: Collateral

    @classmethod
    def check(cls, collateral: Collateral, root: Root, at: int) -> Authorities:
        ca, top = _pair(collateral.pck_crl_issuer_chain, "PCK CA")
        tcb_signer, _ = _pair(collateral.tcb_info_issuer_chain, "TCB info")
        qe_signer, _ = _pair(collateral.qe_identity_issuer_chain, "QE identity")
        check_root(top, root, at)
        revoked = read_revocations(collateral.root_ca_crl, top, at)
        revoked.check(top)
        ca.check_role(root, _pck_ca_role(ca, root), is_ca=True)
        for signer in (tcb_signer, qe_signer):
            signer.check_role(root, TCB_SIGNING, is_ca=False)
        for issued in (ca, tcb_signer, qe_signer):
            issued.check_signed(top)
            issued.check_time(at)
            revoked.check(issued)
        pck_revoked = read_revocations(collateral.pck_crl, ca, at)
        holding = (top, ca, tcb_signer, qe_signer, revoked, pck_revoked)
        until = min(one.until for one in holding)
        return cls(root, at, ca, tcb_signer, qe_signer, pck_revoked, until, collateral)

    def check_pck(self, quote: Quote) -> Certificate:
        leaf = read_leaf(quote.chain)
        leaf.check_role(self.root, PCK, is_ca=False)
        leaf.check_signed(self.pck_ca)
        leaf.check_time(self.at)
        self.pck_revocations.check(leaf)
        return leaf

    def read_tcb_info(self, quote: Quote) -> TcbInfo:
        given = self.collateral
        _check_signature(self.tcb_signer, given.tcb_info_signature, given.tcb_info, "TCB info")
        info = TcbInfo.parse(given.tcb_info)
        _check_window(info, self.at, "TCB info")
        if info.id != ("TDX" if quote.is_tdx else "SGX"):
            raise CollateralMismatchError(f"TCB info of {info.id} for another kind of quote")
        return info

    def read_qe_identity(self, quote: Quote) -> QeIdentity:
        given = self.collateral
        signature, text = given.qe_identity_signature, given.qe_identity
        _check_signature(self.qe_signer, signature, text, "QE identity")
        identity = QeIdentity.parse(text)
        _check_window(identity, self.at, "QE identity")
        if identity.id != ("TD_QE" if quote.is_tdx else "QE"):
            raise CollateralMismatchError(f"identity of {identity.id} for another kind of quote")
        return identity


def _check_signature(signer: Certificate, signature: bytes, text: str, what: str) -> None:
    if not is_signed(signer.point, signature, text.encode()):
        raise CollateralSignatureError(f"{what} was not signed by its signer")


def _check_window(document: TcbInfo | QeIdentity, at: int, what: str) -> None:
    if not document.issued <= at <= document.until:
        raise CollateralTimeError(f"{what} does not hold at {at}")


def _pair(chain: str, what: str) -> tuple[Certificate, Certificate]:
    found = read_chain(chain.encode())
    if len(found) != 2:
        raise CertificateError(f"chain of the {what}: {len(found)} certificates, want 2")
    return found[0], found[1]


def _pck_ca_role(certificate: Certificate, root: Root) -> str:
    is_processor = certificate.subject == root.subject(PROCESSOR_CA).public_bytes()
    return PROCESSOR_CA if is_processor else PLATFORM_CA
