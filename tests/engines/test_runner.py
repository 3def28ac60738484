# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from offchain_workers.engines import ModelRunner
from offchain_workers.engines.embedded import EmbeddedEngine, EmbeddedSession
from offchain_workers.engines.errors import EngineClosedError, RunFailedError
from offchain_workers.models import WireLengthError
from offchain_workers.models.demo import digits, magika
from offchain_workers.models.wire import Array
from tests.engines.onnx_files import LOOK_UP, add_one, look_up, spec_of

PATIENCE = 20
ENGINE = EmbeddedEngine()


class Counting:
    """A real session that notes how many items each run had."""

    def __init__(self, session: EmbeddedSession) -> None:
        self.signature, self.providers, self.close = (
            session.signature,
            session.providers,
            session.close,
        )
        self._session = session
        self.sizes: list[int] = []

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        self.sizes.append(len(next(iter(inputs.values()))))
        return self._session.run(inputs)


def floats(*values: float) -> bytes:
    return np.array(values, "<f4").tobytes()


def test_a_job_of_several_items() -> None:
    spec = spec_of(add_one())
    runner = ModelRunner(ENGINE.load(spec, add_one()), spec.card)
    assert runner.submit(bytes([1, 2, 3, 4])).result(PATIENCE) == floats(2, 3, 4, 5)
    runner.close()
    with pytest.raises(EngineClosedError):
        runner.submit(bytes(2))


@pytest.mark.parametrize(
    ("batch", "invariant", "sizes"),
    [("n", True, [4, 3]), ("n", False, [1] * 7), (1, True, [1] * 7)],
    ids=["invariant", "not-invariant", "fixed-batch"],
)
def test_items_share_a_run_only_where_it_can_not_change_the_answer(
    batch: str | int, invariant: bool, sizes: list[int]
) -> None:
    spec = spec_of(add_one(batch), batch_invariant=invariant)
    session = Counting(ENGINE.load(spec, add_one(batch)))
    runner = ModelRunner(session, spec.card, max_batch=4)
    answer = runner.submit(bytes(range(14))).result(PATIENCE)
    assert answer == floats(*range(1, 15))
    assert session.sizes == sizes
    runner.close()


def test_jobs_get_their_own_answers() -> None:
    model = digits()
    runner = ModelRunner(ENGINE.load(model.spec, model.onnx_bytes), model.card, max_batch=16)
    images = np.random.default_rng(2).integers(0, 17, (200, 64), np.uint8)
    jobs = [images[i : i + 1 + i % 5].tobytes() for i in range(0, 195)]
    futures = [runner.submit(job) for job in jobs]
    session = ENGINE.load(model.spec, model.onnx_bytes)
    for i, future in enumerate(futures):
        pixels = images[i : i + 1 + i % 5].astype(np.float32)
        assert future.result(PATIENCE) == session.run({"pixels": pixels})["logits"].tobytes()
    runner.close()


def test_a_poisoned_job_fails_alone() -> None:
    spec = spec_of(look_up(), **LOOK_UP)
    runner = ModelRunner(ENGINE.load(spec, look_up()), spec.card)
    futures = [runner.submit(bytes([i])) for i in (0, 1, 9, 2)]
    assert [futures[i].result(PATIENCE) for i in (0, 1, 3)] == [floats(10), floats(20), floats(30)]
    with pytest.raises(RunFailedError):
        futures[2].result(PATIENCE)
    runner.close()


@pytest.mark.parametrize("size", [0, 1, 3, 2 * 101])
def test_bytes_that_are_no_job(size: int) -> None:
    spec = spec_of(add_one())
    runner = ModelRunner(ENGINE.load(spec, add_one()), spec.card)
    with pytest.raises(WireLengthError):
        runner.submit(bytes(size))
    runner.close()


def test_magika_items_never_share_a_run() -> None:
    model = magika()
    session = Counting(ENGINE.load(model.spec, model.onnx_bytes))
    runner = ModelRunner(session, model.card)
    answer = runner.submit(bytes(4096 * 3)).result(PATIENCE)
    assert len(answer) == 3 * model.card.item_bytes_out
    assert session.sizes == [1, 1, 1]
    runner.close()
