# SPDX-License-Identifier: Apache-2.0
"""A quote's verdict at a given time, step by step as the contracts reach theirs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from verifiers.teeml.appraisal import Appraisal
from verifiers.teeml.authorities import Authorities
from verifiers.teeml.collateral import Collateral, QeIdentity, TcbInfo
from verifiers.teeml.errors import (
    AttributesError,
    CollateralMismatchError,
    QeBindingError,
    QeIdentityError,
    QeSignatureError,
    QuoteSignatureError,
    ServiceTdError,
    TeeError,
)
from verifiers.teeml.levels import Standing, module_level, platform_standing, qe_level
from verifiers.teeml.pck import Pck
from verifiers.teeml.policy import Policy
from verifiers.teeml.quote import Quote
from verifiers.teeml.reports import EnclaveReport, TdReport
from verifiers.teeml.roots import INTEL, Root
from verifiers.teeml.signatures import is_signed

REFUSED = "Refused"
_DEBUG = 0x02
_DEBUG_PROVISION_EINITTOKEN = _DEBUG | 0x10 | 0x20
_SEPT_VE_DISABLE = 1 << 28
# Protection keys, key locker, performance monitoring: the only others that a trust domain may have.
_TD_ALLOWED = _SEPT_VE_DISABLE | 1 << 30 | 1 << 31 | 1 << 63


@dataclass(frozen=True)
class Verdict:
    """``status`` whatever the policy says, ``Refused`` for what is no genuine quote."""

    accepted: bool
    status: str
    advisories: tuple[str, ...]
    reason: str


def verify(
    quote: bytes, collateral: Collateral, at: int, policy: Policy | None = None, root: Root = INTEL
) -> Verdict:
    """The verdict at Unix time ``at`` under ``policy``; nothing is fetched."""
    try:
        found = appraise(quote, collateral, at, root)
    except TeeError as error:
        return Verdict(False, REFUSED, (), str(error))
    status, advisories = found.standing.status, found.standing.advisories
    try:
        (policy or Policy()).check(found, at)
    except TeeError as error:
        return Verdict(False, status, advisories, str(error))
    return Verdict(True, status, advisories, "")


def appraise(quote: bytes, collateral: Collateral, at: int, root: Root = INTEL) -> Appraisal:
    """All checks but the policy's; raises TeeError."""
    return appraise_parsed(Quote.parse(quote), collateral, at, root)


def appraise_parsed(
    parsed: Quote, collateral: Collateral, at: int, root: Root = INTEL
) -> Appraisal:
    """The same of a quote that was taken apart already."""
    authorities = Authorities.check(collateral, root, at)
    leaf = authorities.check_pck(parsed)
    info, identity = authorities.read_tcb_info(parsed), authorities.read_qe_identity(parsed)
    pck = Pck.of(leaf.extensions)
    _check_platform(info, pck)
    _check_qe(parsed, identity, leaf.point)
    if not is_signed(parsed.attestation_key, parsed.signature, parsed.signed):
        raise QuoteSignatureError("the attestation key did not sign the quote")
    _check_body(parsed.report)
    standing = _standing(parsed, pck, info, identity)
    until = min(authorities.until, leaf.until, info.until, identity.until)
    return Appraisal(parsed, pck, standing, info, identity, until)


def _check_platform(info: TcbInfo, pck: Pck) -> None:
    if (info.fmspc, info.pceid) != (pck.fmspc, pck.pceid):
        wanted = pck.fmspc.hex().upper()
        raise CollateralMismatchError(f"TCB info of {info.fmspc.hex().upper()} for {wanted}")


def _check_qe(quote: Quote, identity: QeIdentity, pck_point: bytes) -> None:
    report = quote.qe_report
    if not is_signed(pck_point, quote.qe_signature, report.raw):
        raise QeSignatureError("the PCK did not sign the quoting enclave's report")
    binding = hashlib.sha256(quote.attestation_key + quote.qe_auth).digest()
    if report.report_data != binding + bytes(32):
        raise QeBindingError("the quoting enclave's report names another attestation key")
    same = (
        report.mrsigner == identity.mrsigner
        and report.isvprodid == identity.isvprodid
        and _agree(report.miscselect, identity.miscselect, identity.miscselect_mask)
        and _agree(report.attributes, identity.attributes, identity.attributes_mask)
        and not report.attributes[0] & _DEBUG
    )
    if not same:
        raise QeIdentityError("the quoting enclave is not the vendor's")


def _agree(found: bytes, wanted: bytes, mask: bytes) -> bool:
    return all(a & bits == b & bits for a, b, bits in zip(found, wanted, mask, strict=True))


def _check_body(report: EnclaveReport | TdReport) -> None:
    if isinstance(report, EnclaveReport):
        if report.attributes[0] & _DEBUG_PROVISION_EINITTOKEN:
            raise AttributesError("the enclave has DEBUG, PROVISION_KEY or EINITTOKEN_KEY")
        return
    attributes = int.from_bytes(report.attributes, "little")
    if attributes & ~_TD_ALLOWED:
        unsafe = f"{attributes & ~_TD_ALLOWED:#x}"
        raise AttributesError(f"the trust domain has DEBUG or unknown attributes: {unsafe}")
    if not attributes & _SEPT_VE_DISABLE:
        raise AttributesError("the trust domain lacks SEPT_VE_DISABLE")
    if any(report.servicetd):
        raise ServiceTdError("a service TD is bound to the trust domain")


def _standing(quote: Quote, pck: Pck, info: TcbInfo, identity: QeIdentity) -> Standing:
    standing = platform_standing(info, pck, quote.report)
    if isinstance(quote.report, TdReport):
        module = module_level(info, quote.report)
        standing = standing.with_component(module) if module else standing
    return standing.with_component(qe_level(identity, quote.qe_report))
