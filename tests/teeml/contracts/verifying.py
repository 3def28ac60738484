# SPDX-License-Identifier: Apache-2.0
"""Collateral and quotes as the contracts take them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from offchain_workers.chain.hashing import keccak
from tests.teeml.contracts.machine import Contract, Machine
from verifiers.teeml.quote import Quote
from verifiers.teeml.roots import PLATFORM_CA, PROCESSOR_CA, ROOT_CA, TCB_SIGNING, Root

ROOT = bytes(20)
INTEL_ROOT = (0, 0, 0, bytes(32), bytes(32), bytes(32), bytes(32))
ROLES = (ROOT_CA, PLATFORM_CA, PROCESSOR_CA, TCB_SIGNING)
# What the contracts' statuses are called; bits: hardening, configuration, out of date.
STATUSES = {
    0: "UpToDate",
    1: "SWHardeningNeeded",
    2: "ConfigurationNeeded",
    3: "ConfigurationAndSWHardeningNeeded",
    4: "OutOfDate",
    6: "OutOfDateConfigurationNeeded",
}


def root_of(trust: Root, until: int) -> tuple[Any, ...]:
    """A simulated root, as IntelCollateral's constructor takes it."""
    point = (int.from_bytes(trust.point[:32], "big"), int.from_bytes(trust.point[32:], "big"))
    return (*point, until, *(keccak(trust.subject(role).public_bytes()) for role in ROLES))


def authority_id(certificate: x509.Certificate) -> bytes:
    return hashlib.sha256(certificate.tbs_certificate_bytes).digest()[:20]


def words(signature: bytes) -> list[int]:
    return [int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")]


@dataclass(frozen=True)
class Collateral:
    """What one collateral.json holds, taken apart."""

    root_crl: bytes
    pck_crl: bytes
    pck_ca: x509.Certificate
    tcb_signer: x509.Certificate
    qe_signer: x509.Certificate
    tcb_info: bytes
    tcb_signature: bytes
    qe_identity: bytes
    qe_signature: bytes

    @classmethod
    def read(cls, given: dict[str, str]) -> Collateral:
        def first(name: str) -> x509.Certificate:
            return x509.load_pem_x509_certificates(given[name].encode())[0]

        return cls(
            bytes.fromhex(given["root_ca_crl"]),
            bytes.fromhex(given["pck_crl"]),
            first("pck_crl_issuer_chain"),
            first("tcb_info_issuer_chain"),
            first("qe_identity_issuer_chain"),
            given["tcb_info"].encode(),
            bytes.fromhex(given["tcb_info_signature"]),
            given["qe_identity"].encode(),
            bytes.fromhex(given["qe_identity_signature"]),
        )

    @property
    def evaluations(self) -> tuple[int, int]:
        """Of TCB info and QE identity."""
        numbers = [
            json.loads(text)["tcbEvaluationDataNumber"]
            for text in (self.tcb_info, self.qe_identity)
        ]
        return numbers[0], numbers[1]

    def steps(self) -> list[tuple[str, tuple[Any, ...]]]:
        """The calls that put all of it on the chain, in order."""
        signers = {authority_id(one): one for one in (self.tcb_signer, self.qe_signer)}
        return [
            ("update_crl", (ROOT, self.root_crl)),
            ("add_authority", (der(self.pck_ca),)),
            *(("add_authority", (der(one),)) for one in signers.values()),
            ("update_crl", (authority_id(self.pck_ca), self.pck_crl)),
            (
                "update_tcb_info",
                (self.tcb_info, words(self.tcb_signature), authority_id(self.tcb_signer)),
            ),
            (
                "update_qe_identity",
                (self.qe_identity, words(self.qe_signature), authority_id(self.qe_signer)),
            ),
        ]


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def split(quote: bytes, pck: bytes | None = None) -> tuple[Any, ...]:
    """The quote as DcapVerifier takes it, with another certificate of the platform when given."""
    parsed = Quote.parse(quote)
    leaf = pck or der(x509.load_pem_x509_certificates(parsed.chain.rstrip(b"\0"))[0])
    return (
        parsed.signed,
        words(parsed.signature),
        words(parsed.attestation_key),
        parsed.qe_report.raw,
        words(parsed.qe_signature),
        parsed.qe_auth,
        leaf,
    )


@dataclass
class Chain:
    """A machine with the TEE contracts on it."""

    machine: Machine
    certificates: Contract
    documents: Contract
    collateral: Contract
    dcap: Contract

    @classmethod
    def start(cls, root: tuple[Any, ...] = INTEL_ROOT, chain_id: int = 31_337) -> Chain:
        machine = Machine(chain_id)
        certificates = machine.deploy_named("CertificateParser")
        documents = machine.deploy_named("TcbParser")
        collateral = machine.deploy_named(
            "IntelCollateral", certificates.address, documents.address, root
        )
        dcap = machine.deploy_named("DcapVerifier", collateral.address)
        return cls(machine, certificates, documents, collateral, dcap)

    def load(self, given: Collateral) -> None:
        """Puts all of it on the chain. Raises RevertedError."""
        for function, args in given.steps():
            self.collateral.send(function, *args)

    def verify(self, quote: tuple[Any, ...], given: Collateral) -> dict[str, Any]:
        """The claims. Raises RevertedError."""
        tcb, qe = given.evaluations
        claims: dict[str, Any] = self.dcap.call(
            "verify", quote, authority_id(given.pck_ca), tcb, qe
        )
        return claims

    def status(self, quote: bytes, given: dict[str, str], now: int) -> str:
        """Status of a quote by collateral that nothing knew before. Raises RevertedError."""
        self.machine.at(now)
        parts = Collateral.read(given)
        with self.machine.undone():
            self.load(parts)
            return STATUSES[self.verify(split(quote), parts)["status"]]
