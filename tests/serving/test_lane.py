# SPDX-License-Identifier: Apache-2.0
"""Batches form while the model is busy; a neighbour changes nothing."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import numpy as np
import pytest

from offchain_workers.engines.errors import BusyError, EngineClosedError, RunFailedError
from offchain_workers.serving.batches import Feeds, Outputs
from offchain_workers.serving.lane import Lane

SLOW, QUICK = 1.0, 1e-6


class Model:
    """y = x + 1; fails on a negative x; waits at a gate while that is shut."""

    def __init__(self) -> None:
        self.runs: list[int] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, feeds: Feeds) -> Outputs:
        assert self.gate.wait(20)
        x = feeds["x"]
        self.runs.append(len(x))
        if (x < 0).any():
            raise RunFailedError("negative")
        return {"y": x + 1}


def feed(*values: float) -> tuple[dict[str, Any], int]:
    return {"x": np.array(values)}, len(values)


def lane(model: Model, seconds: float, step: int = 8, max_queue: int = 100) -> Lane:
    return Lane(model, step, max_queue, seconds)


@pytest.mark.parametrize("seconds", [QUICK, SLOW])
def test_everyone_gets_their_own_answer_and_only_the_bad_one_fails(seconds: float) -> None:
    model = Model()

    async def run() -> list[Any]:
        one = lane(model, seconds)
        asked = [one.infer(*feed(*values)) for values in ([1], [2, 3], [-1], [4])]
        found = await asyncio.gather(*asked, return_exceptions=True)
        one.close()
        return found

    first, second, bad, last = asyncio.run(run())
    assert [first["y"].tolist(), second["y"].tolist(), last["y"].tolist()] == [[2], [3, 4], [5]]
    assert isinstance(bad, RunFailedError)
    assert model.runs[0] == 5  # all at once first, then each alone


def test_what_waits_while_the_model_is_busy_runs_together() -> None:
    model = Model()

    async def run() -> None:
        one = lane(model, SLOW)
        model.gate.clear()
        first = asyncio.ensure_future(one.infer(*feed(0)))
        while one.queued == 0 and not one._active:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        rest = [asyncio.ensure_future(one.infer(*feed(i))) for i in range(12)]
        await asyncio.sleep(0)
        model.gate.set()
        await asyncio.gather(first, *rest)
        one.close()

    asyncio.run(run())
    assert sum(model.runs) == 13
    assert max(model.runs) == 8
    assert len(model.runs) <= 4


def test_with_a_step_of_one_no_two_items_share_a_run() -> None:
    model = Model()

    async def run() -> Outputs:
        one = lane(model, QUICK, step=1)
        _, found = await asyncio.gather(one.infer(*feed(9)), one.infer(*feed(1, 2, 3)))
        one.close()
        return found

    assert asyncio.run(run())["y"].tolist() == [2, 3, 4]
    assert model.runs == [1, 1, 1, 1]


def test_a_full_queue_refuses_and_forgets_nobody() -> None:
    model = Model()

    async def run() -> None:
        one = lane(model, SLOW, max_queue=2)
        waiting = [asyncio.ensure_future(one.infer(*feed(i))) for i in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await one.infer(*feed(1, 2, 3))
        assert [found["y"].tolist() for found in await asyncio.gather(*waiting)] == [[1], [2]]
        one.close()

    asyncio.run(run())


def test_who_left_is_not_run() -> None:
    model = Model()

    async def run() -> None:
        one = lane(model, SLOW)
        gone = asyncio.ensure_future(one.infer(*feed(1, 2)))
        await asyncio.sleep(0)
        gone.cancel()
        found = await one.infer(*feed(5))
        assert found["y"].tolist() == [6]
        assert one.queued == 0
        one.close()

    asyncio.run(run())
    assert model.runs == [1]


def test_a_closed_lane_answers_those_who_wait_with_an_error() -> None:
    model = Model()

    async def run() -> None:
        one = lane(model, SLOW)
        waiting = asyncio.ensure_future(one.infer(*feed(1)))
        await asyncio.sleep(0)
        one.close()
        with pytest.raises(EngineClosedError):
            await waiting
        with pytest.raises(EngineClosedError):
            await one.infer(*feed(1))

    asyncio.run(run())
