# SPDX-License-Identifier: Apache-2.0
"""`gramine`: the pseudo-files that Gramine shows to a program in an SGX enclave."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from verifiers.teeml.errors import ProviderError
from verifiers.teeml.providers.base import Evidence, check_report_data, checked

ATTESTATION = Path("/dev/attestation")
_TYPE = "dcap"


class Gramine:
    """Quotes of the enclave that this process runs in."""

    name = "gramine"
    tee: Literal["tdx", "sgx"] = "sgx"
    simulated = False

    def __init__(self, root: Path = ATTESTATION) -> None:
        self._root = root

    def available(self) -> bool:
        return (self._root / "quote").exists()

    def quote(self, report_data: bytes) -> Evidence:
        """What is written to `user_report_data` stands in the quote that is read next."""
        check_report_data(report_data)
        try:
            kind = (self._root / "attestation_type").read_text("ascii").strip()
            if kind != _TYPE:
                raise ProviderError(f"Gramine attests by {kind!r}, want {_TYPE}")
            (self._root / "user_report_data").write_bytes(report_data)
            quote = (self._root / "quote").read_bytes()
        except OSError as error:
            raise ProviderError(f"Gramine: {error.strerror}") from error
        return checked(Evidence(quote), report_data)
