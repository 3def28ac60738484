# SPDX-License-Identifier: Apache-2.0
"""Small graphs: every lowering and the trace give the reference's integers; errors stay small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.opml.compiler.support import assert_exact, compiled, difference, model
from verifiers.opml.compiler.errors import SamplesError, SignatureError, UnsupportedError

node = helper.make_node
Array = np.ndarray[Any, np.dtype[Any]]
Graph = tuple[list[onnx.NodeProto], list[Any], dict[str, Array]]


def random(*shape: int, seed: int = 1) -> Array:
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def conv(channels: int, out: int, kernel: tuple[int, ...], size: list[int], **attrs: Any) -> Graph:
    weight = random(out, channels // attrs.get("group", 1), *kernel)
    nodes = [node("Conv", ["x", "w", "b"], ["c"], **attrs), node("Relu", ["c"], ["y"])]
    return nodes, ["n", channels, *size], {"w": weight, "b": random(out, seed=2)}


def attention() -> Graph:
    ints = {"split": np.array([0, 6, 2, 4], np.int64), "join": np.array([0, 6, 8], np.int64)}
    consts = {f"w{i}": random(8, 8, seed=i) / 3 for i in range(3)} | ints
    nodes = [node("MatMul", ["x", f"w{i}"], [f"m{i}"]) for i in range(3)]
    nodes += [node("Reshape", [f"m{i}", "split"], [f"r{i}"]) for i in range(3)]
    nodes += [
        node("Transpose", ["r0"], ["q"], perm=[0, 2, 1, 3]),
        node("Transpose", ["r1"], ["k"], perm=[0, 2, 3, 1]),
        node("Transpose", ["r2"], ["v"], perm=[0, 2, 1, 3]),
        node("MatMul", ["q", "k"], ["scores"]),
        node("Softmax", ["scores"], ["p"], axis=-1),
        node("MatMul", ["p", "v"], ["o"]),
        node("Transpose", ["o"], ["t"], perm=[0, 2, 1, 3]),
        node("Reshape", ["t", "join"], ["y"]),
    ]
    return nodes, ["n", 6, 8], consts


def norm_then(op: str) -> Graph:
    consts = {"g": random(16) / 5 + 1, "b": random(16, seed=3), "w": random(16, 4)}
    nodes = [node("LayerNormalization", ["x", "g", "b"], ["l"], axis=-1)]
    last = node("MatMul", ["l", "w"], ["y"]) if op == "MatMul" else node(op, ["l"], ["y"])
    return [*nodes, last], ["n", 5, 16], consts


def pieces() -> Graph:
    """Split, slices both ways, concatenation, padding, indices."""
    ints = {
        "one": np.array([1], np.int64),
        "far": np.array([-100], np.int64),
        "last": np.array([-1], np.int64),
        "pads": np.array([0, 1, 0, 0, 2, 1], np.int64),
        "rows": np.array([3, 0, 1], np.int64),
        "w": random(7, 3),
    }
    nodes = [
        node("Split", ["x"], ["s", "t"], axis=1),
        node("Slice", ["s", "last", "far", "one", "last"], ["r"]),
        node("Concat", ["r", "t", "s"], ["c"], axis=1),
        node("Gather", ["c", "rows"], ["g"], axis=1),
        node("Pad", ["g", "pads"], ["p"]),
        node("MatMul", ["p", "w"], ["y"]),
    ]
    return nodes, ["n", 4, 6], ints


def gate() -> Graph:
    """Squeeze and excite, as in MobileNet, with a residual sum."""
    consts = {"w": random(4, 4, 1, 1), "v": random(4, 4, 3, 3) / 3}
    nodes = [
        node("Conv", ["x", "v"], ["a"], pads=[1, 1, 1, 1]),
        node("HardSwish", ["a"], ["h"]),
        node("GlobalAveragePool", ["h"], ["m"]),
        node("Conv", ["m", "w"], ["e"]),
        node("HardSigmoid", ["e"], ["s"], alpha=0.2, beta=0.5),
        node("Mul", ["h", "s"], ["o"]),
        node("Conv", ["o", "w"], ["d"]),
        node("Conv", ["h", "w"], ["f"]),
        node("Add", ["d", "f"], ["u"]),
        node("Conv", ["u", "v"], ["y"], strides=[2, 2]),
    ]
    return nodes, ["n", 4, 8, 6], consts


def chain(*ops: Any) -> Graph:
    """Nodes one after the other, from (2, 3, 8, 8)."""
    names = ["x", *(f"t{i}" for i in range(len(ops) - 1)), "y"]
    made = [node(op, [names[i]], [names[i + 1]], **attrs) for i, (op, attrs) in enumerate(ops)]
    return made, ["n", 3, 8, 8], {}


GRAPHS: dict[str, Callable[[], Graph]] = {
    "conv": lambda: conv(3, 5, (3, 3), [9, 7], strides=[2, 1], pads=[1, 0, 0, 2]),
    "dilated": lambda: conv(4, 6, (3, 2), [9, 9], dilations=[2, 3], pads=[2, 2, 2, 2]),
    "grouped": lambda: conv(6, 4, (3, 3), [6, 6], group=2),
    "depthwise": lambda: conv(5, 5, (5, 5), [8, 8], group=5, pads=[2, 2, 2, 2]),
    "conv1d": lambda: conv(4, 3, (5,), [20], strides=[3], pads=[2, 2]),
    "same": lambda: conv(2, 2, (4, 4), [7, 7], strides=[2, 2], auto_pad="SAME_UPPER"),
    "attention": attention,
    "norm, product": lambda: norm_then("MatMul"),
    "norm, table": lambda: norm_then("Tanh"),
    "pieces": pieces,
    "gate": gate,
    "max pool": lambda: chain(("MaxPool", {"kernel_shape": [3, 2], "pads": [1, 1, 1, 0]})),
    "average pool": lambda: chain(("AveragePool", {"kernel_shape": [2, 2], "strides": [2, 2]})),
    "sums": lambda: chain(("Sigmoid", {}), ("ReduceMean", {"axes": [2]}), ("Tanh", {})),
    "softmax": lambda: chain(("Softmax", {"axis": 1})),
    "argmax": lambda: chain(("ArgMax", {"axis": 2, "keepdims": 0})),
}


RANKS = {"argmax": 3}


@pytest.mark.parametrize("name", GRAPHS)
def test_every_lowering_gives_the_integers_of_the_reference(name: str) -> None:
    nodes, shape, consts = GRAPHS[name]()
    kind = TensorProto.INT64 if name == "argmax" else TensorProto.FLOAT
    data = model(nodes, shape, consts, made=kind, rank=RANKS.get(name, len(shape)))
    samples = [random(*shape[1:], seed=seed) for seed in range(12)]
    made = compiled(data, samples[:8])
    assert_exact(made, samples[8:10])
    if name != "argmax":
        worst, _ = difference(made, data, samples[:8])
        reals = made.values[made.graph.output].quant
        width = reals.scale * (reals.hi - reals.lo)
        assert worst <= 0.06 * width


def test_an_unknown_operator_is_named() -> None:
    data = model([node("Einsum", ["x"], ["y"], equation="nij->nji", name="twist")], ["n", 2, 3])
    with pytest.raises(UnsupportedError, match=r"twist \(Einsum\)"):
        compiled(data, [random(2, 3)])


def test_a_sample_of_another_shape_is_refused() -> None:
    data = model([node("Relu", ["x"], ["y"])], ["n", 2, 3])
    with pytest.raises(SamplesError, match=r"\[1, 2, 4\]"):
        compiled(data, [random(2, 4)])


def test_two_outputs_need_a_choice() -> None:
    made = onnx.load_model_from_string(model([node("Relu", ["x"], ["y"])], ["n", 2], rank=2))
    made.graph.node.append(node("Tanh", ["x"], ["z"]))
    made.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 2]))
    with pytest.raises(SignatureError, match="choose one"):
        compiled(bytes(made.SerializeToString()), [random(2)])
