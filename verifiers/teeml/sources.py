# SPDX-License-Identifier: Apache-2.0
"""Where a platform's collateral comes from."""

from __future__ import annotations

import json
from typing import Protocol

from offchain_workers.config.schema import Teeml
from verifiers.teeml.collateral import Collateral
from verifiers.teeml.pcs import Pcs, Update
from verifiers.teeml.quote import Quote
from verifiers.teeml.simulated import Platform

_DAY = 86_400


class Source(Protocol):
    """What comes is not trusted: whoever takes it checks each signature."""

    def collateral(self, quote: Quote, now: int, update: Update = "standard") -> Collateral:
        """All that the quote is checked with at Unix time ``now``. Raises TeeError."""
        ...


class PcsSource:
    """Intel's service, or a cache of it."""

    def __init__(self, pcs: Pcs) -> None:
        self._pcs = pcs

    def collateral(self, quote: Quote, now: int, update: Update = "standard") -> Collateral:
        """As the service has it now, whatever ``now`` is."""
        return Collateral.parse(json.dumps(self._pcs.collateral(quote, update)))


class SimulatedSource:
    """What the maker of a simulated platform would sign: a month's collateral, anew each day."""

    def __init__(self, label: str) -> None:
        self._label = label

    def collateral(self, quote: Quote, now: int, update: Update = "standard") -> Collateral:
        """The same all day, so that who comes second finds it on the chain."""
        platform = Platform(label=self._label, issued=now - now % _DAY)
        return Collateral.parse(json.dumps(platform.collateral(tdx=quote.is_tdx)))


def source_of(asked: Teeml) -> Source:
    """The one that goes with the configured hardware."""
    if asked.provider == "simulated":
        return SimulatedSource(asked.platform)
    return PcsSource(Pcs(asked.pcs, asked.root_crl))
