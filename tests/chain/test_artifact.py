# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from offchain_workers.chain.artifact import load
from offchain_workers.chain.errors import ArtifactMissingError


@pytest.mark.parametrize("name", ["NoSuchContract", "../errors", "", "a/b"])
def test_a_contract_that_is_not_shipped_is_a_clear_error(name: str) -> None:
    with pytest.raises(ArtifactMissingError) as error:
        load(name)
    assert error.value.code == "MN-CHAIN-008"
