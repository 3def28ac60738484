# SPDX-License-Identifier: Apache-2.0
"""A small LeNet on 28x28 pixels: its input is committed to; supervision costs next to nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.zkml.circuits import DATA, place
from verifiers.zkml.method import prepared
from verifiers.zkml.prover import Prover
from verifiers.zkml.setup import Options, make

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_500)]
PIXELS = 784
ROUNDS = 3
MOST_OVERHEAD = 1.1
# As short as a caller of ezkl can be.
BARE = """
import ezkl, sys
ezkl.gen_witness(data="input.json", model="circuit.ezkl", output="witness.json",
                 vk_path="vk.key", srs_path=sys.argv[1])
ezkl.prove(witness="witness.json", model="circuit.ezkl", pk_path="pk.key",
           proof_path="proof.json", srs_path=sys.argv[1])
"""


@pytest.fixture(scope="module")
def lenet() -> tuple[Prover, Path]:
    random = np.random.default_rng(0)
    options = Options(scale=7, input_scale=7, name="lenet")
    found = make((DATA / "lenet.onnx").read_bytes(), [random.random(PIXELS)], options).bundle
    assert (found.circuit.inputs, found.circuit.input_points) == (0, 1)
    folder = place()
    return prepared(found, folder), folder


def test_it_is_proved_and_verified(lenet: tuple[Prover, Path]) -> None:
    prover, _ = lenet
    values = [i % 128 for i in range(PIXELS)]
    proof = prover.prove(values)
    prover.verify(proof)
    assert len(proof.instances) == 10
    assert proof.data[:64] == prover.commitment(values)


def _give(folder: Path, values: list[int]) -> None:
    """The file that ours removes after each proof."""
    words = [value.to_bytes(32, "little").hex() for value in values]
    (folder / "input.json").write_text(json.dumps({"input_data": [words]}))


def test_supervision_costs_a_tenth_at_most(lenet: tuple[Prover, Path]) -> None:
    """The best of some rounds each, in turn."""
    prover, folder = lenet
    values = [i % 128 for i in range(PIXELS)]
    prover.prove(values)
    ours, bare = [], []
    for _ in range(ROUNDS):
        began = time.monotonic()
        prover.prove(values)
        ours.append(time.monotonic() - began)
        _give(folder, values)
        began = time.monotonic()
        subprocess.run(
            [sys.executable, "-c", BARE, str(folder / "development.srs")], cwd=folder, check=True
        )
        bare.append(time.monotonic() - began)
    assert min(ours) <= MOST_OVERHEAD * min(bare), (ours, bare)
