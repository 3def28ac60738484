# SPDX-License-Identifier: Apache-2.0
"""Build the float models of which circuits are made: the demo's, and those of the tests.

    python scripts/build_zk_models.py [FOLDER]

Results are committed: training is not the same bit for bit everywhere. ``digits_mlp.onnx`` is the
demo's digits model without its rounding of hidden values, which circuits would have to look up; it
goes into the package, the others into FOLDER (default: tests/data/zk).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_iris
from sklearn.neural_network import MLPClassifier

from scripts.train_digits import FOLDER as PACKAGE
from scripts.train_digits import predict, split, train

TESTS = Path(__file__).parent.parent / "tests" / "data" / "zk"
SEED, HIDDEN = 0, 8
CNN_CHANNELS = 4

Array = np.ndarray[Any, np.dtype[Any]]
Weights = dict[str, Array]
node = helper.make_node


def build(
    name: str,
    nodes: list[Any],
    weights: Weights,
    given: list[Any],
    classes: int,
    batch: str | int = "n",
) -> bytes:
    """``given``: name and shape of the input; the output is ``logits``."""
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(given[0], TensorProto.FLOAT, [batch, *given[1]])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, classes])],
        [
            numpy_helper.from_array(
                np.asarray(value, value.dtype if value.dtype == np.int64 else np.float32), key
            )
            for key, value in weights.items()
        ],
    )
    model = helper.make_model(
        graph, producer_name="model-network", opset_imports=[helper.make_opsetid("", 13)]
    )
    model.ir_version = 8
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def mlp(name: str, given: list[Any], weights: Weights, scaled: bool) -> bytes:
    """Two layers; ``scaled``: the input is divided by 16 first."""
    lead = [node("Mul", [given[0], "scale"], ["x"])] if scaled else []
    nodes = [
        *lead,
        node("Gemm", ["x" if scaled else given[0], "w1", "b1"], ["weighted"]),
        node("Relu", ["weighted"], ["hidden"]),
        node("Gemm", ["hidden", "w2", "b2"], ["logits"]),
    ]
    more = {"scale": np.array(1 / 16)} if scaled else {}
    return build(name, nodes, weights | more, given, weights["b2"].size)


def iris() -> bytes:
    data, kinds = load_iris(return_X_y=True)
    found = MLPClassifier((HIDDEN,), random_state=SEED, max_iter=3000).fit(data, kinds)
    weights = {f"w{i}": value for i, value in enumerate(found.coefs_, 1)}
    weights |= {f"b{i}": value for i, value in enumerate(found.intercepts_, 1)}
    print(f"iris: {found.score(data, kinds):.3f} of what it was trained on")
    return mlp("iris", ["flower", [4]], weights, scaled=False)


def digits_mlp() -> bytes:
    images, digits, held_out, truth = split()
    weights = train(images, digits)
    right = int((predict(weights, held_out) == truth).sum())
    print(f"digits: {right} of {len(truth)} held out")
    return mlp("digits-mlp", ["pixels", [64]], weights, scaled=True)


def convolution(name: str, inner: int, side: int, channels: list[int], classes: int) -> bytes:
    """Convolutions with a stride of 2, then one layer; random weights."""
    random = np.random.default_rng(SEED)
    nodes = [node("Reshape", ["pixels", "plane"], ["c0"])]
    weights: Weights = {"plane": np.array([1, 1, side, side])}
    before = 1
    for i, after in enumerate(channels, 1):
        weights[f"k{i}"] = random.normal(0, 0.5 / before**0.5, (after, before, inner, inner))
        weights[f"d{i}"] = random.normal(0, 0.1, after)
        shape = {"kernel_shape": [inner, inner], "strides": [2, 2], "pads": [1, 1, 1, 1]}
        nodes.append(node("Conv", [f"c{i - 1}", f"k{i}", f"d{i}"], [f"v{i}"], **shape))
        nodes.append(node("Relu", [f"v{i}"], [f"c{i}"]))
        before, side_after = after, (side + 2 - inner) // 2 + 1
        side = side_after
    width = before * side * side
    weights |= {
        "flat": np.array([1, width]),
        "w": random.normal(0, 1 / width**0.5, (width, classes)),
        "b": random.normal(0, 0.1, classes),
    }
    nodes.append(node("Reshape", [f"c{len(channels)}", "flat"], ["features"]))
    nodes.append(node("Gemm", ["features", "w", "b"], ["logits"]))
    size = int(weights["plane"][2]) ** 2
    # ezkl's importer does not follow a named batch through a reshape.
    return build(name, nodes, weights, ["pixels", [size]], classes, batch=1)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (PACKAGE / "digits_mlp.onnx").write_bytes(digits_mlp())
    (folder / "iris.onnx").write_bytes(iris())
    (folder / "digits_cnn.onnx").write_bytes(convolution("digits-cnn", 3, 8, [CNN_CHANNELS], 10))
    (folder / "lenet.onnx").write_bytes(convolution("lenet", 5, 28, [4, 8], 10))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TESTS)
