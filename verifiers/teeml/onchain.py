# SPDX-License-Identifier: Apache-2.0
"""Collateral and quotes as the contracts take them (interfaces/IIntelCollateral, IDcapVerifier).

What nobody signed stays behind: lengths, and every certificate of a quote but the platform's.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from offchain_workers.chain.hashing import keccak
from verifiers.teeml.certificates import Certificate, read_chain, read_leaf
from verifiers.teeml.collateral import Collateral, QeIdentity, Status, TcbInfo
from verifiers.teeml.quote import HEADER_BYTES, Quote
from verifiers.teeml.reports import EnclaveReport, TdReport
from verifiers.teeml.roots import PLATFORM_CA, PROCESSOR_CA, ROOT_CA, TCB_SIGNING, Root

# The root as an authority.
ROOT_ID = bytes(20)
# IntelCollateral with Intel's own root.
INTEL_WORDS: tuple[Any, ...] = (0, 0, 0, bytes(32), bytes(32), bytes(32), bytes(32))
# By the contracts' bits: 1 = hardening, 2 = configuration, 4 = out of date.
STATUSES = {
    0: Status.UP_TO_DATE,
    1: Status.SW_HARDENING_NEEDED,
    2: Status.CONFIGURATION_NEEDED,
    3: Status.CONFIGURATION_AND_SW_HARDENING_NEEDED,
    4: Status.OUT_OF_DATE,
    6: Status.OUT_OF_DATE_CONFIGURATION_NEEDED,
}
_ROLES = (ROOT_CA, PLATFORM_CA, PROCESSOR_CA, TCB_SIGNING)


@dataclass(frozen=True)
class Step:
    """A call of IntelCollateral."""

    function: str
    args: tuple[Any, ...]


def root_words(root: Root, until: int) -> tuple[Any, ...]:
    """A simulated root for IntelCollateral's constructor; its certificate ends at ``until``."""
    names = (keccak(root.subject(role).public_bytes()) for role in _ROLES)
    return (*words(root.point), until, *names)


def authority_id(certificate: x509.Certificate) -> bytes:
    """How IntelCollateral names a certificate that the root issued, 20 bytes."""
    return hashlib.sha256(certificate.tbs_certificate_bytes).digest()[:20]


def steps(given: Collateral) -> list[Step]:
    """The calls that bring all of it to the chain, in order. Raises TeeError."""
    pck_ca = _first(given.pck_crl_issuer_chain)
    tcb_signer = _first(given.tcb_info_issuer_chain)
    qe_signer = _first(given.qe_identity_issuer_chain)
    authorities = {authority_id(one): _der(one) for one in (pck_ca, tcb_signer, qe_signer)}
    return [
        Step("update_crl", (ROOT_ID, given.root_ca_crl)),
        *(Step("add_authority", (der,)) for der in authorities.values()),
        Step("update_crl", (authority_id(pck_ca), given.pck_crl)),
        _document("update_tcb_info", given.tcb_info, given.tcb_info_signature, tcb_signer),
        _document("update_qe_identity", given.qe_identity, given.qe_identity_signature, qe_signer),
    ]


def quote_words(quote: Quote) -> tuple[Any, ...]:
    """The quote as DcapVerifier's first argument. Raises TeeError."""
    return (
        quote.signed,
        words(quote.signature),
        words(quote.attestation_key),
        quote.qe_report.raw,
        words(quote.qe_signature),
        quote.qe_auth,
        _der(read_leaf(quote.chain).raw),
    )


def quote_of(struct: Any) -> Quote:
    """A quote again from DcapVerifier's first argument, as decoded: a mapping by field. Raises
    TeeError."""
    signed, pck = bytes(struct["signed"]), bytes(struct["pck"])
    version = int.from_bytes(signed[:2], "little")
    body = signed[HEADER_BYTES + (6 if version == 5 else 0) :]
    pem = x509.load_der_x509_certificate(pck).public_bytes(Encoding.PEM)
    return Quote(
        version=version,
        signed=signed,
        report=EnclaveReport(body) if version == 3 else TdReport(body),
        signature=_bytes(struct["signature"]),
        attestation_key=_bytes(struct["key"]),
        qe_report=EnclaveReport(bytes(struct["qe_report"])),
        qe_signature=_bytes(struct["qe_signature"]),
        qe_auth=bytes(struct["qe_auth"]),
        chain=pem,
    )


def chosen(given: Collateral) -> tuple[bytes, int, int]:
    """DcapVerifier's other arguments: issuer, evaluation numbers of TCB info and of QE identity."""
    tcb = TcbInfo.parse(given.tcb_info).evaluation
    identity = QeIdentity.parse(given.qe_identity).evaluation
    return authority_id(_first(given.pck_crl_issuer_chain)), tcb, identity


def words(pair: bytes) -> tuple[int, int]:
    """Two numbers of 32 bytes."""
    return int.from_bytes(pair[:32], "big"), int.from_bytes(pair[32:], "big")


def _bytes(pair: Any) -> bytes:
    return b"".join(int(part).to_bytes(32, "big") for part in pair)


def _document(function: str, text: str, signature: bytes, signer: x509.Certificate) -> Step:
    return Step(function, (text.encode(), words(signature), authority_id(signer)))


def _first(chain: str) -> x509.Certificate:
    found: Certificate = read_chain(chain.encode())[0]
    return found.raw


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)
