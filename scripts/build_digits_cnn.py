# SPDX-License-Identifier: Apache-2.0
"""Build small convolutional networks for scikit-learn's digits, for tests of the OPML compiler.

    python scripts/build_digits_cnn.py [FOLDER]

``digits_cnn.onnx``: two convolutions, each with Relu and a maximum. ``digits_mobile.onnx``:
convolution, BatchNormalization, Relu, depthwise convolution, HardSwish, maximum. Then a linear
layer. The convolutions keep random, seeded weights; the last layer is a ridge regression on what
they make of the training images, rounded so that its file does not depend on the machine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits

FOLDER = Path(__file__).parent.parent / "tests" / "data"
SEED, TRAINED_ON, CHANNELS = 0, 1437, 32

Array = np.ndarray[Any, np.dtype[Any]]


def split() -> tuple[Array, Array, Array, Array]:
    """Images (n, 1, 8, 8) from 0 to 16 and digits: those to train on, those held out."""
    images, digits = load_digits(return_X_y=True)
    order = np.random.RandomState(7).permutation(len(digits))
    images = images.astype(np.float32).reshape(-1, 1, 8, 8)
    seen, held_out = order[:TRAINED_ON], order[TRAINED_ON:]
    return images[seen], digits[seen], images[held_out], digits[held_out]


def plain_constants() -> dict[str, Array]:
    """The random part of ``digits_cnn.onnx``."""
    random, wide = np.random.default_rng(SEED), 2 * CHANNELS
    return {
        "w1": random.normal(0, 0.4, (CHANNELS, 1, 3, 3)),
        "b1": random.normal(0, 0.1, CHANNELS),
        "w2": random.normal(0, np.sqrt(2 / (9 * CHANNELS)), (wide, CHANNELS, 3, 3)),
        "b2": random.normal(0, 0.1, wide),
    }


def plain_nodes() -> list[onnx.NodeProto]:
    """``scaled`` -> ``pooled``, 64 channels of 2x2."""
    node, halved = helper.make_node, {"kernel_shape": [2, 2], "strides": [2, 2]}
    return [
        node("Conv", ["scaled", "w1", "b1"], ["conv1"], pads=[1, 1, 1, 1]),
        node("Relu", ["conv1"], ["relu1"]),
        node("MaxPool", ["relu1"], ["pooled1"], **halved),
        node("Conv", ["pooled1", "w2", "b2"], ["conv2"], pads=[1, 1, 1, 1]),
        node("Relu", ["conv2"], ["relu2"]),
        node("MaxPool", ["relu2"], ["pooled"], **halved),
    ]


def mobile_constants() -> dict[str, Array]:
    """The random part of ``digits_mobile.onnx``."""
    random = np.random.default_rng(SEED)
    return {
        "w1": random.normal(0, 0.4, (CHANNELS, 1, 3, 3)),
        "gamma": random.uniform(0.8, 1.2, CHANNELS),
        "beta": random.normal(0, 0.1, CHANNELS),
        "mean": random.normal(0, 0.2, CHANNELS),
        "var": random.uniform(0.3, 0.6, CHANNELS),
        "w2": random.normal(0, 0.4, (CHANNELS, 1, 3, 3)),
        "b2": random.normal(0, 0.2, CHANNELS),
    }


def mobile_nodes() -> list[onnx.NodeProto]:
    """``scaled`` -> ``pooled``, 32 channels of 4x4."""
    node = helper.make_node
    return [
        node("Conv", ["scaled", "w1"], ["conv1"], pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["conv1", "gamma", "beta", "mean", "var"], ["norm1"]),
        node("Relu", ["norm1"], ["relu1"]),
        node("Conv", ["relu1", "w2", "b2"], ["conv2"], pads=[1, 1, 1, 1], group=CHANNELS),
        node("HardSwish", ["conv2"], ["swish2"]),
        node("MaxPool", ["swish2"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
    ]


@dataclass(frozen=True)
class Network:
    """``features`` that its convolutions make of an image."""

    nodes: Callable[[], list[onnx.NodeProto]]
    constants: Callable[[], dict[str, Array]]
    features: int


NETWORKS = {
    "digits_cnn.onnx": Network(plain_nodes, plain_constants, 2 * CHANNELS * 4),
    "digits_mobile.onnx": Network(mobile_nodes, mobile_constants, CHANNELS * 16),
}


def model(network: Network, last: dict[str, Array]) -> bytes:
    """Pixels -> logits, or features without a last layer."""
    node = helper.make_node
    nodes = [
        node("Mul", ["pixels", "scale"], ["scaled"]),
        *network.nodes(),
        node("Reshape", ["pooled", "flat"], ["features"]),
    ]
    if last:
        nodes.append(node("Gemm", ["features", "w3", "b3"], ["logits"]))
    output, width = ("logits", 10) if last else ("features", network.features)
    floats = {"scale": np.array(1 / 16)} | network.constants() | last
    consts = {name: value.astype(np.float32) for name, value in floats.items()}
    consts["flat"] = np.array([0, -1], np.int64)
    graph = helper.make_graph(
        nodes,
        "digits-cnn",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 1, 8, 8])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", width])],
        [numpy_helper.from_array(value, name) for name, value in consts.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)])
    made.ir_version = 8
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString(deterministic=True))


def run(data: bytes, images: Array) -> Array:
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    result: Array = session.run(None, {"pixels": images})[0]
    return result


def build(network: Network) -> bytes:
    """The trained model."""
    images, digits, _, _ = split()
    x = run(model(network, {}), images).astype(np.float64)
    x = np.hstack([x, np.ones((len(x), 1))])
    wanted = np.eye(10)[digits] * 8 - 4
    fitted = np.linalg.solve(x.T @ x + 3.0 * np.eye(x.shape[1]), x.T @ wanted)
    rounded = np.rint(fitted * 4096) / 4096
    return model(network, {"w3": rounded[:-1], "b3": rounded[-1]})


def main(folder: Path) -> None:
    """Build both, say how many held-out images are right, and write them."""
    _, _, images, digits = split()
    folder.mkdir(parents=True, exist_ok=True)
    for name, network in NETWORKS.items():
        data = build(network)
        (folder / name).write_bytes(data)
        right = int((run(data, images).argmax(1) == digits).sum())
        print(f"{folder / name}: {right} of {len(digits)} held-out digits right")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
