# SPDX-License-Identifier: Apache-2.0
"""The contracts, deployed by the script that a deployer runs."""

from __future__ import annotations

from typing import Any

import pytest

from offchain_workers.chain.contracts import ChainParams
from scripts.deploy import Deployed, deploy


@pytest.fixture(scope="session")
def params() -> ChainParams:
    return ChainParams.development()


@pytest.fixture(scope="session")
def owner(accounts: Any) -> Any:
    return accounts[0]


@pytest.fixture(scope="session")
def market(owner: Any, params: ChainParams) -> Deployed:
    return deploy(owner, params)
