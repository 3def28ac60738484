# SPDX-License-Identifier: Apache-2.0
"""A small LeNet on 28x28 pixels: its input is committed to; supervision costs next to nothing."""

from __future__ import annotations

import pytest

from benchmarks.zkml import proving
from tests.zkml.circuits import place
from verifiers.zkml.prover import Prover

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_000)]


@pytest.fixture(scope="module")
def lenet() -> Prover:
    return proving.lenet_prover(place())


def test_it_is_proved_and_verified(lenet: Prover) -> None:
    proof = lenet.prove(proving.VALUES)
    lenet.verify(proof)
    assert len(proof.instances) == 10
    assert proof.data[:64] == lenet.commitment(proving.VALUES)


def test_supervision_costs_a_tenth_at_most(lenet: Prover) -> None:
    """On the clock, or, on a machine that is busy with others' work, of its processors."""
    ours, bare = proving.compare(lenet, proving.ROUNDS)
    found = [proving.ratio(ours, bare, which) for which in (0, 1)]
    assert min(found) <= proving.MOST_OVERHEAD, (ours, bare)


def test_a_proof_of_digits_stays_small() -> None:
    assert proving.digits_peak() < proving.MOST_MEMORY * 1e6
