# SPDX-License-Identifier: Apache-2.0
"""`simulated`: quotes of a platform in software, for development chains only."""

from __future__ import annotations

from typing import Literal

from verifiers.teeml.errors import SimulationRefusedError
from verifiers.teeml.providers.base import Evidence, check_report_data
from verifiers.teeml.simulated import Platform, td_report

# Those on which IntelCollateral takes another root than Intel's.
DEVELOPMENT_CHAINS = (1337, 31_337)
_VERSION = 4


class SimulatedProvider:
    """TDX quotes under a root that says SIMULATED."""

    name = "simulated"
    tee: Literal["tdx", "sgx"] = "tdx"
    simulated = True

    def __init__(self, platform: Platform, chain_id: int) -> None:
        """Raises SimulationRefusedError unless ``chain_id`` is a development chain's."""
        if chain_id not in DEVELOPMENT_CHAINS:
            raise SimulationRefusedError(f"no simulated hardware on chain {chain_id}")
        self.platform = platform

    def available(self) -> bool:
        return True

    def quote(self, report_data: bytes) -> Evidence:
        """As a real platform would, at once."""
        check_report_data(report_data)
        return Evidence(self.platform.quote(_VERSION, td_report(report_data)))
