# SPDX-License-Identifier: Apache-2.0
"""How the figures of servers and replicas are made of what was measured."""

from __future__ import annotations

from benchmarks.serving import client, compare, replicas
from offchain_workers.models.demo import digits_mlp


def test_a_ratio_is_the_median_of_the_turns_own() -> None:
    *_, ratio = compare.compared([(300.0, 100.0), (100.0, 50.0), (900.0, 100.0)], 1)
    assert (ratio.measured, ratio.document()["met"]) == (3.0, True)


def test_replicas_have_a_goal_only_where_there_are_cores_for_them() -> None:
    rates = {"1": [100.0, 100.0, 100.0], "2": [150.0, 160.0, 170.0]}
    *_, few = replicas.compared(rates, cores=2)
    assert "2 cores" in few.name
    assert few.document()["met"] is None
    *_, enough = replicas.compared(rates, cores=4)
    assert enough.document()["met"] is False
    *_, faster = replicas.compared(rates | {"2": [170.0, 180.0, 200.0]}, cores=4)
    assert faster.document()["met"] is True


def test_a_request_is_the_item_in_the_cards_tensors() -> None:
    model = digits_mlp()
    [entry] = client.body_of(model.card, model.samples[0][1])["inputs"]
    assert (entry["datatype"], list(entry["shape"])) == ("FP32", [1, 64])
    assert len(entry["data"]) == 64
