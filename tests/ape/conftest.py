# SPDX-License-Identifier: Apache-2.0
"""The contracts, deployed by the script that a deployer runs."""

from __future__ import annotations

from typing import Any

import pytest

from offchain_workers.chain.contracts import ChainParams
from scripts.deploy import Deployed, Deployer, deploy


@pytest.fixture(scope="session")
def params() -> ChainParams:
    return ChainParams.development()


@pytest.fixture(scope="session")
def owner(accounts: Any) -> Any:
    return accounts[0]


@pytest.fixture(scope="session")
def deployer(owner: Any) -> Deployer:
    return Deployer(owner)


@pytest.fixture(scope="session")
def market(deployer: Deployer, params: ChainParams) -> Deployed:
    return deploy(deployer, params)
