# SPDX-License-Identifier: Apache-2.0
"""Bound runs, tried out in the CPU's memory: the same answers, safe from several threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from offchain_workers.engines.embedded import EmbeddedEngine, EmbeddedSession, _providers
from offchain_workers.engines.errors import RunFailedError, SignatureError
from offchain_workers.models.demo import digits
from offchain_workers.models.wire import unpack_items
from tests.engines.onnx_files import LOOK_UP, X, add_one, look_up, spec_of

ENGINE = EmbeddedEngine()
DIGITS = digits()


def bound(model: bytes, **card: object) -> EmbeddedSession:
    session = ENGINE.load(spec_of(model, **card), model)
    session.bind("cpu")
    return session


def test_answers_are_those_of_plain_runs() -> None:
    plain = ENGINE.load(DIGITS.spec, DIGITS.onnx_bytes)
    session = ENGINE.load(DIGITS.spec, DIGITS.onnx_bytes)
    session.bind("cpu")
    for n in (1, 3, 1, 12, 3):
        data = b"".join(raw for _, raw, _ in DIGITS.samples[:n])
        inputs = unpack_items(DIGITS.card.inputs, data, n)
        assert session.run(inputs)["logits"].tobytes() == plain.run(inputs)["logits"].tobytes()


def test_an_answer_outlives_the_next_run() -> None:
    session = bound(add_one())
    first = session.run({"x": np.array([[1, 2]], np.float32)})["y"]
    session.run({"x": np.array([[5, 6]], np.float32)})
    assert first.tolist() == [[2, 3]]


def test_more_numbers_of_items_than_are_kept() -> None:
    session = bound(add_one())
    for n in (*range(1, 25), 24, 1):
        rows = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
        assert session.run({"x": rows})["y"].tolist() == (rows + 1).tolist()


def test_several_threads_share_the_bound_tensors() -> None:
    session = bound(add_one())
    with ThreadPoolExecutor(4) as pool:
        rows = [np.full((1 + i % 3, 2), i, np.float32) for i in range(200)]
        answers = list(pool.map(lambda row: session.run({"x": row})["y"][0, 0], rows))
    assert answers == [i + 1 for i in range(200)]


def test_scalars_and_a_failing_run_leave_it_usable() -> None:
    session = bound(look_up(), **LOOK_UP)
    with pytest.raises(RunFailedError):
        session.run({"index": np.array([7], np.int32)})
    assert session.run({"index": np.array([2], np.int32)})["y"].tolist() == [30]


def test_an_output_that_is_not_the_cards_is_an_error() -> None:
    wide = X.model_copy(update={"name": "y", "wire": "f32", "shape": (1,)})
    with pytest.raises(SignatureError):
        bound(add_one(), outputs=(wide,))


def test_a_strided_input() -> None:
    session = bound(add_one())
    rows = np.arange(8, dtype=np.float32).reshape(2, 4)[:, ::2]
    assert session.run({"x": rows})["y"].tolist() == (rows + 1).tolist()


def test_graphs_are_asked_for_by_the_providers_own_name() -> None:
    [(name, options)] = _providers("cuda", graphs=True)
    assert (name, options["enable_cuda_graph"]) == ("CUDAExecutionProvider", "1")
    assert options["use_tf32"] == "0"
    (first, options), _ = _providers("tensorrt", graphs=True)
    assert (first, options) == ("TensorrtExecutionProvider", {"trt_cuda_graph_enable": "1"})
    assert _providers("cpu", graphs=True) == ["CPUExecutionProvider"]
