# SPDX-License-Identifier: Apache-2.0
"""The gate: what is committed is what the contracts cost."""

from __future__ import annotations

import json

import pytest

from benchmarks import GAS_FILE, ZKML_FILE, gas
from benchmarks.bounds import broken, judge
from benchmarks.table import load
from benchmarks.zkml.verifying import MEASURED


@pytest.mark.anvil
def test_no_step_costs_over_two_percent_more_than_committed() -> None:
    found = gas.problems(GAS_FILE, gas.measure())
    assert not found, "\n".join([*found, gas.REMEDY])


def test_committed_figures_keep_the_bounds() -> None:
    assert broken(judge(load(GAS_FILE))) == []


def test_committed_figures_of_the_verifier_keep_its_bounds() -> None:
    """Beside the Solidity verifiers, of every circuit that is measured."""
    document = json.loads(ZKML_FILE.read_text())
    assert tuple(one["name"] for one in document["circuits"]) == MEASURED
    assert len(document["figures"]) == 1 + 2 * len(MEASURED)
    assert [one["name"] for one in document["figures"] if not one["met"]] == []


@pytest.mark.anvil
def test_a_scene_costs_the_same_each_time() -> None:
    from benchmarks.pinned import pinned_chain
    from benchmarks.scenes.refunds import refunds
    from benchmarks.table import Recorder

    runs = [Recorder(), Recorder()]
    for record in runs:
        with pinned_chain() as chain:
            refunds(chain, record)
    assert runs[0].rows == runs[1].rows
