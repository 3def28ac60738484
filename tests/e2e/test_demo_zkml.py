# SPDX-License-Identifier: Apache-2.0
"""`fusion demo --method zkml`: digits are proved, verified on chain, and paid at once."""

from __future__ import annotations

import pytest

from offchain_workers.models.demo import digits_mlp
from tests.e2e.demo import run_demo

MOST_GAS = 1_050_000


@pytest.mark.parametrize(
    "chain",
    [
        pytest.param("anvil", marks=pytest.mark.anvil),
        # Curves in pure Python take a minute.
        pytest.param("embedded", marks=pytest.mark.slow),
    ],
)
def test_a_worker_proves_and_is_paid_in_the_same_transaction(chain: str) -> None:
    document = run_demo("--method", "zkml", "--chain", chain)
    assert document["chain"]["kind"] == chain
    labels = [label for _, _, label in digits_mlp().samples[: len(document["jobs"])]]
    assert [job["output"]["label"] for job in document["jobs"]] == labels
    for job in document["jobs"]:
        assert (job["method"], job["status"]) == ("zkml", "paid")
        assert 21_000 < job["gas"]["deliver"] < MOST_GAS
        assert (job["gas"]["settle"], job["paid"] > 0) == (0, True)
