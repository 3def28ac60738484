# SPDX-License-Identifier: Apache-2.0
"""Real quotes through DcapVerifier, and the collateral that they need, each at its own time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from benchmarks import ROOT
from benchmarks.compiled import Factory
from benchmarks.pinned import PinnedChain, pinned_chain
from benchmarks.table import Recorder
from verifiers.teeml.collateral import Collateral
from verifiers.teeml.onchain import INTEL_WORDS, Step, chosen, quote_words, root_words, steps
from verifiers.teeml.quote import Quote
from verifiers.teeml.simulated import Platform, qe_identity, tcb_info

QUOTES = ROOT / "tests" / "data" / "tee"
SOURCES = ROOT / "contracts" / "verifiers" / "teeml"
CASES = {
    "v3": "v3-sgx-00A067110000-2025-06",
    "v4": "v4-tdx-B0C06F000000-2025-06",
    "v5": "v5-tdx-go-2026-02",
}
# The calls of IntelCollateral, in their order, in the table.
COLLATERAL = (
    ("crl:teeml:root", "no entries"),
    ("authority:teeml:ca", ""),
    ("authority:teeml:signer", ""),
    ("crl:teeml:platforms", "44 entries"),
    ("tcbinfo:teeml:tdx", "2 levels, 2 modules"),
    ("qeidentity:teeml:tdx", "1 level"),
)
REFRESHED = ("tcbinfo:teeml:tdx", "qeidentity:teeml:tdx")


@dataclass(frozen=True)
class Intel:
    """The contracts under Intel's root."""

    chain: PinnedChain
    collateral: Factory
    dcap: Factory
    collateral_at: str
    dcap_at: str

    @classmethod
    def deploy(cls, chain: PinnedChain, root: tuple[Any, ...] = INTEL_WORDS) -> Intel:
        owner = chain.account("owner")
        parsers = [
            Factory(chain, SOURCES / f"{name}.vy").deploy(owner)
            for name in ("CertificateParser", "TcbParser")
        ]
        collateral = Factory(chain, SOURCES / "IntelCollateral.vy")
        collateral_at = collateral.deploy(owner, *parsers, root)
        dcap = Factory(chain, SOURCES / "DcapVerifier.vy")
        return cls(chain, collateral, dcap, collateral_at, dcap.deploy(owner, collateral_at))

    def step(self, step: Step) -> Any:
        call = self.collateral.call(self.collateral_at, step.function, *step.args)
        return self.chain.send(self.chain.account("keeper"), call)

    def verify(self, quote: bytes, given: Collateral) -> Any:
        words = quote_words(Quote.parse(quote))
        call = self.dcap.call(self.dcap_at, "verify", words, *chosen(given))
        return self.chain.send(self.chain.account("operator"), call)


def quotes(_: PinnedChain, record: Recorder) -> None:
    """A quote of each version, and the collateral of the one of TDX 1.0."""
    for version, name in CASES.items():
        folder = QUOTES / name
        given = Collateral.parse((folder / "collateral.json").read_text())
        meta = json.loads((folder / "meta.json").read_text())
        with pinned_chain(meta["window"][0]) as chain:
            intel = Intel.deploy(chain)
            receipts = [intel.step(step) for step in steps(given)]
            if version == "v4":
                for (op, note), receipt in zip(COLLATERAL, receipts, strict=True):
                    record.add(op, receipt, first_use=True, note=note)
            receipt = intel.verify((folder / "quote.bin").read_bytes(), given)
            record.add(f"quote:teeml:{version}", receipt, note="verified in full")


def refreshes(_: PinnedChain, record: Recorder) -> None:
    """The next month's documents, which differ in their dates, of a simulated platform."""
    platform = Platform()
    later = platform.issued + 3_600
    texts = {
        "tcb": tcb_info(later, platform.fmspc),
        "identity": qe_identity(later),
    }
    first, second = platform.collateral(), platform.collateral(**texts)
    with pinned_chain(later) as chain:
        root = root_words(platform.authority.trust, platform.authority.until)
        intel = Intel.deploy(chain, root)
        for step in steps(_parsed(first)):
            intel.step(step)
        for step, op in zip(steps(_parsed(second))[-2:], REFRESHED, strict=True):
            record.add(op, intel.step(step), note="dates alone are new")


def _parsed(given: dict[str, str]) -> Collateral:
    return Collateral.parse(json.dumps(given))
