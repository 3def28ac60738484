# SPDX-License-Identifier: Apache-2.0
"""`fusion demo --method teeml`: enclaves register, answer and are paid; a revoked one is not."""

from __future__ import annotations

import pytest

from offchain_workers.models.demo import digits_mlp
from tests.e2e.demo import run_demo

# Certificate revoked.
REVOKED = 1


@pytest.mark.parametrize("chain", [pytest.param("anvil", marks=pytest.mark.anvil), "embedded"])
def test_enclaves_are_paid_until_their_platform_is_revoked(chain: str) -> None:
    document = run_demo("--method", "teeml", "--chain", chain)
    assert document["simulated"] is True
    assert document["chain"]["kind"] == chain
    assert {key["worker"] for key in document["keys"]} == {"cloud", "share", "vnode"}
    assert len({key["platform"] for key in document["keys"]}) == 3
    labels = [label for _, _, label in digits_mlp().samples[: len(document["jobs"])]]
    assert [job["output"]["label"] for job in document["jobs"]] == labels
    for job in document["jobs"]:
        assert (job["method"], job["status"], job["paid"] > 0) == ("teeml", "paid", True)
    revoked = document["revoked"]
    assert revoked["refused"] == "key revoked"
    assert revoked["invalidated"]["reason"] == REVOKED
    assert revoked["answered_by"] not in ("", revoked["worker"])
