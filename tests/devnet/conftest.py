# SPDX-License-Identifier: Apache-2.0
"""The probe contract on each kind of development chain."""

from __future__ import annotations

from typing import Any

import pytest
from vyper import compile_code

from offchain_workers.devnet import Devnet
from tests.devnet.probe import PROBE, Chain


@pytest.fixture(scope="session")
def compiled_probe() -> dict[str, Any]:
    return dict(compile_code(PROBE, output_formats=["abi", "bytecode"]))


@pytest.fixture
def chain(devnet: Devnet, compiled_probe: dict[str, Any]) -> Chain:
    return Chain(devnet, compiled_probe)
