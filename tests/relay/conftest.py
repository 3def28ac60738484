# SPDX-License-Identifier: Apache-2.0
"""A relay, and the market of the worker's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.operator.conftest import market, market_chain
from tests.relay.world import Site

__all__ = ["market", "market_chain", "site"]


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.stop()
