# SPDX-License-Identifier: Apache-2.0
"""A simulated platform, its quotes and collateral, and contracts that trust its root."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from tests.teeml.contracts.verifying import Chain
from verifiers.teeml.collateral import Collateral
from verifiers.teeml.onchain import quote_words, root_words
from verifiers.teeml.quote import Quote
from verifiers.teeml.simulated import Platform, enclave_report, td_report

PLATFORM = Platform()
AUTHORITY = PLATFORM.authority
NOW = PLATFORM.issued + 3_600
DAY = 86_400


@cache
def simulated() -> Chain:
    """Contracts under the simulated root, shared: undo what you add."""
    return Chain.start(root_words(AUTHORITY.trust, AUTHORITY.until))


def parsed(given: dict[str, str]) -> Collateral:
    return Collateral.parse(json.dumps(given))


def status(quote: bytes, given: dict[str, str], now: int = NOW) -> str:
    """Raises RevertedError."""
    return simulated().status(quote, parsed(given), now)


def td_quote(platform: Platform = PLATFORM, version: int = 4, **report: Any) -> bytes:
    return platform.quote(version, td_report(**report))


def sgx_quote(**report: Any) -> bytes:
    return PLATFORM.quote(3, enclave_report(**report))


def sgx_collateral() -> dict[str, str]:
    return PLATFORM.collateral(tdx=False)


def words_of(quote: bytes) -> tuple[Any, ...]:
    return quote_words(Quote.parse(quote))
