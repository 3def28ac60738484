# SPDX-License-Identifier: Apache-2.0
"""What every source of quotes does, and what is checked of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from verifiers.teeml.errors import OtherReportError, ProviderError
from verifiers.teeml.quote import Quote

REPORT_DATA_BYTES = 64


@dataclass(frozen=True)
class Evidence:
    """``quote`` as the hardware made it; ``event_log``: what RTMR3 was extended with, JSON."""

    quote: bytes
    event_log: str = ""


class QuoteProvider(Protocol):
    """One way to a quote."""

    name: str
    tee: Literal["tdx", "sgx"]
    simulated: bool

    def available(self) -> bool:
        """Whether this machine has it."""
        ...

    def quote(self, report_data: bytes) -> Evidence:
        """Of 64 bytes. Raises ProviderError, OtherReportError, QuoteShapeError, QuoteKindError."""
        ...


def check_report_data(report_data: bytes) -> None:
    """Raises ProviderError."""
    if len(report_data) != REPORT_DATA_BYTES:
        raise ProviderError(f"{len(report_data)} bytes of report data, want {REPORT_DATA_BYTES}")


def checked(evidence: Evidence, report_data: bytes) -> Evidence:
    """The evidence, if its quote is one of that report data."""
    if Quote.parse(evidence.quote).report.report_data != report_data:
        raise OtherReportError("the quote was made of other report data than asked for")
    return evidence
