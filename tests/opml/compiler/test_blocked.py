# SPDX-License-Identifier: Apache-2.0
"""Rounding without Floor, in onnxruntime's blocked layout and out of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from onnx import helper

from tests.opml.compiler.support import compiled, model
from verifiers.opml import reference
from verifiers.opml.compiler import ir, lower
from verifiers.opml.compiler.compile import encode_input
from verifiers.opml.compiler.emit import emit
from verifiers.opml.compiler.lower import blocked
from verifiers.opml.compiler.lower.lowering import Lowering
from verifiers.opml.compiler.lower.writer import Writer
from verifiers.opml.compiler.plan import HardSwish

node = helper.make_node
Array = np.ndarray[Any, np.dtype[Any]]
LEVELS = [
    ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
]


def random(*shape: int, seed: int = 1) -> Array:
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def inverted_residuals(channels: int) -> bytes:
    """As MobileNetV3 has them: expansion, depthwise, squeeze and excite, projection, sum; pools."""
    wide = 2 * channels + 6
    consts = {
        "first": random(channels, 3, 3, 3) / 3,
        "expand": random(wide, channels, 1, 1) / 2,
        "depth": random(wide, 1, 5, 5, seed=2) / 3,
        "down": random(6, wide, 1, 1, seed=3) / 3,
        "up": random(wide, 6, 1, 1, seed=4),
        "project": random(channels, wide, 1, 1, seed=5) / 3,
        "last": random(4, channels, 1, 1, seed=6),
        "answer": random(4 * 2 * 4, 7, seed=8),
    }
    nodes = [
        node("Conv", ["x", "first"], ["f"], pads=[1, 1, 1, 1]),
        node("HardSwish", ["f"], ["fs"]),
        node("Conv", ["fs", "project_in"], ["i"]),
        node("Conv", ["i", "expand"], ["e"]),
        node("HardSwish", ["e"], ["es"]),
        node("Conv", ["es", "depth"], ["d"], pads=[2, 2, 2, 2], group=wide),
        node("HardSwish", ["d"], ["ds"]),
        node("GlobalAveragePool", ["ds"], ["m"]),
        node("Conv", ["m", "down"], ["s"]),
        node("Relu", ["s"], ["sr"]),
        node("Conv", ["sr", "up"], ["u"]),
        node("HardSigmoid", ["u"], ["g"], alpha=0.2, beta=0.5),
        node("Mul", ["ds", "g"], ["c"]),
        node("Conv", ["c", "project"], ["p"]),
        node("Add", ["i", "p"], ["a"]),
        node("MaxPool", ["a"], ["q"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["q", "last"], ["l"]),
        node("HardSwish", ["l"], ["ls"]),
        node("MaxPool", ["ls"], ["z"], kernel_shape=[3, 2], strides=[2, 1]),
        node("Flatten", ["z"], ["v"]),
        node("MatMul", ["v", "answer"], ["y"]),
    ]
    consts["project_in"] = random(channels, channels, 1, 1, seed=7) / 2
    return model(nodes, ["n", 3, 12, 10], consts, rank=2)


@pytest.mark.parametrize("channels", [16, 8, 5])
def test_images_give_the_integers_of_the_reference(channels: int) -> None:
    """At each level of optimisation, alone and in a batch."""
    made = compiled(inverted_residuals(channels), [random(3, 12, 10, seed=s) for s in range(8)])
    program = made.program
    kinds = {maker.__name__ for maker in _makers(program)}
    assert kinds == {"_conv", "_swish", "_scaled", "_add", "_pool", "_copy"}
    nodes, weights = emit(program)
    rng = np.random.default_rng(0)
    inputs = [encode_input(program, 2 * random(3, 12, 10, seed=s)) for s in (8, 9)]
    inputs += [np.full((3, 12, 10), fill, np.uint8) for fill in (0, 255)]
    inputs += [rng.choice(np.array([0, 255], np.uint8), (3, 12, 10)) for _ in range(4)]
    wanted = [reference.execute(nodes, weights, x.tobytes())[program.output] for x in inputs]
    for level in LEVELS:
        run = _session(lower.model(program), level)
        together = run.run(None, {lower.INPUT: np.stack(inputs)})[0]
        for x, row, want in zip(inputs, together, wanted, strict=True):
            assert row.tobytes() == want
            assert run.run(None, {lower.INPUT: x[None]})[0].tobytes() == want


def _makers(program: ir.Program) -> list[Any]:
    at = Lowering(Writer(), program, blocked.BLOCKED)
    found = [blocked.maker(at, i) for i in range(len(program.ops))]
    return [maker for maker in found if maker is not None]


@pytest.mark.parametrize("most", [0.2, 0.6, 1.5, 3.0, 9.0, 40.0])
def test_hard_swish_of_reals_rounds_to_the_products_of_integers(most: float) -> None:
    """For every number that the input can have."""
    gate = HardSwish.up_to(most)
    assert gate is not None
    assert gate.shift <= blocked.MOST_GATE_SHIFT
    assert gate.output.scale * (255 - gate.output.zero) >= most
    numbers = np.arange(gate.quant.lo, gate.quant.hi + 1) - gate.quant.zero
    factor = np.clip(numbers + gate.three, 0, 2 * gate.three)
    wanted = (numbers * factor + (1 << gate.shift) // 2) >> gate.shift
    assert wanted.min() >= -gate.output.zero
    assert wanted.max() + gate.output.zero <= 255
    x = np.float32(gate.quant.scale) * numbers.astype(np.float32)
    share = np.clip(x * np.float32(1 / 6) + np.float32(0.5), np.float32(0), np.float32(1))
    gain = 6 / gate.quant.scale**2 * 2.0**-gate.shift
    steps = (x * share).astype(np.float64) * gain
    moved = steps + 2.0 ** (-gate.shift - 1)
    assert (np.rint(moved) == wanted).all()
    exact = numbers * factor / 2.0**gate.shift
    assert np.abs(steps - exact).max() < 2.0**-13


def _session(data: bytes, level: Any) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    options.intra_op_num_threads = 1
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
