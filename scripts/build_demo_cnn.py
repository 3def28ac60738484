# SPDX-License-Identifier: Apache-2.0
"""Build the demo's convolutional digits model, about which games of method opml are played.

    python scripts/build_demo_cnn.py [FOLDER]

The convolutions keep random, seeded weights; the last layer is a ridge regression on what they make
of the training images. The result is committed: training is not the same bit for bit everywhere.
Compiled it has what a liar can lie about: tensors of several leaves with padding behind them, sums
of several blocks, a table, a transposition.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from scripts.train_digits import FOLDER, split

SEED, CHANNELS, SIDE = 0, 24, 8
WIDTH = CHANNELS * (SIDE // 2) ** 2

Array = np.ndarray[Any, np.dtype[Any]]


def constants() -> dict[str, Array]:
    """The random part."""
    random = np.random.default_rng(SEED)
    kernels = {
        "w1": random.normal(0, 0.4, (CHANNELS, 1, 3, 3)),
        "b1": random.normal(0, 0.1, CHANNELS),
        "w2": random.normal(0, 0.4, (CHANNELS, 1, 3, 3)),
        "b2": random.normal(0, 0.2, CHANNELS),
        "scale": np.array(1 / 16),
    }
    shapes = {"plane": np.array([-1, 1, SIDE, SIDE]), "flat": np.array([-1, WIDTH])}
    return {name: value.astype(np.float32) for name, value in kernels.items()} | shapes


def model(last: dict[str, Array]) -> bytes:
    """Pixels (n, 64) from 0 to 16 -> logits, or features without a last layer."""
    node = helper.make_node
    nodes = [
        node("Reshape", ["pixels", "plane"], ["images"]),
        node("Mul", ["images", "scale"], ["scaled"]),
        node("Conv", ["scaled", "w1", "b1"], ["conv1"], pads=[1, 1, 1, 1]),
        node("Relu", ["conv1"], ["relu1"]),
        node("Conv", ["relu1", "w2", "b2"], ["conv2"], pads=[1, 1, 1, 1], group=CHANNELS),
        node("Tanh", ["conv2"], ["tanh2"]),
        node("MaxPool", ["tanh2"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Reshape", ["pooled", "flat"], ["features"]),
    ]
    if last:
        nodes.append(node("Gemm", ["features", "w3", "b3"], ["logits"]))
    output, width = ("logits", 10) if last else ("features", WIDTH)
    graph = helper.make_graph(
        nodes,
        "digits-cnn",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", SIDE * SIDE])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", width])],
        [numpy_helper.from_array(value, name) for name, value in (constants() | last).items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    made.ir_version = 8
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString(deterministic=True))


def run(data: bytes, images: Array) -> Array:
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    result: Array = session.run(None, {"pixels": images.astype(np.float32)})[0]
    return result


def main(folder: Path) -> None:
    """Build, say how many held-out images are right, and write ``digits_cnn.onnx``."""
    images, digits, held_out, truth = split()
    features = run(model({}), images).astype(np.float64)
    x = np.hstack([features, np.ones((len(features), 1))])
    fitted = np.linalg.solve(x.T @ x + 3.0 * np.eye(x.shape[1]), x.T @ (np.eye(10)[digits] * 8 - 4))
    rounded = (np.rint(fitted * 4096) / 4096).astype(np.float32)
    data = model({"w3": rounded[:-1], "b3": rounded[-1]})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "digits_cnn.onnx").write_bytes(data)
    right = int((run(data, held_out).argmax(1) == truth).sum())
    print(f"{right} of {len(truth)} held-out digits right; wrote {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
