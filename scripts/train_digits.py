# SPDX-License-Identifier: Apache-2.0
"""Train the demo's digits model and write its ONNX file and samples into the package.

    python scripts/train_digits.py [FOLDER]

Training is not the same bit for bit on every CPU, so the result is committed and this script is how
it came about. Weights are rounded to multiples of 1/32 and hidden values to multiples of 1/16: then
each product and partial sum is exact in float32, and every runtime, thread count, batch size and
device gives the same bytes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

FOLDER = Path(__file__).parent.parent / "offchain_workers" / "models" / "data"
SEED, HIDDEN, TRAINED_ON = 0, 32, 1437
WEIGHT_STEP, BIAS_STEP, HIDDEN_STEP = 32, 512, 16
SAMPLES_PER_DIGIT = 2

Array = np.ndarray[Any, np.dtype[Any]]
Weights = dict[str, Array]


def split() -> tuple[Array, Array, Array, Array]:
    """Pixels (n, 64) from 0 to 16 and digits: those to train on, those held out."""
    images, digits = load_digits(return_X_y=True)
    order = np.random.RandomState(7).permutation(len(digits))
    seen, held_out = order[:TRAINED_ON], order[TRAINED_ON:]
    return images[seen], digits[seen], images[held_out], digits[held_out]


def train(images: Array, digits: Array) -> Weights:
    """Weights and biases, rounded to their steps."""
    model = MLPClassifier((HIDDEN,), random_state=SEED, max_iter=1000, alpha=1e-2)
    model.fit(images / 16, digits)
    rounded: Weights = {}
    for layer, (weight, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True), 1):
        rounded[f"w{layer}"] = np.rint(weight * WEIGHT_STEP) / WEIGHT_STEP
        rounded[f"b{layer}"] = np.rint(bias * BIAS_STEP) / BIAS_STEP
    return {name: value.astype(np.float32) for name, value in rounded.items()}


def build_onnx(weights: Weights) -> bytes:
    """The model as ONNX: float32 pixels (n, 64) from 0 to 16 in, float32 logits (n, 10) out."""
    constants = weights | {
        "pixel_scale": np.float32(1 / 16),
        "steps": np.float32(HIDDEN_STEP),
        "step": np.float32(1 / HIDDEN_STEP),
    }
    nodes = [
        helper.make_node("Mul", ["pixels", "pixel_scale"], ["scaled"]),
        helper.make_node("MatMul", ["scaled", "w1"], ["weighted1"]),
        helper.make_node("Add", ["weighted1", "b1"], ["biased1"]),
        helper.make_node("Relu", ["biased1"], ["active"]),
        helper.make_node("Mul", ["active", "steps"], ["in_steps"]),
        helper.make_node("Floor", ["in_steps"], ["whole_steps"]),
        helper.make_node("Mul", ["whole_steps", "step"], ["hidden"]),
        helper.make_node("MatMul", ["hidden", "w2"], ["weighted2"]),
        helper.make_node("Add", ["weighted2", "b2"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 64])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 10])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(
        graph, producer_name="model-network", opset_imports=[helper.make_opsetid("", 13)]
    )
    model.ir_version = 8
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def predict(weights: Weights, images: Array) -> Array:
    """The digits that the ONNX graph answers, computed in float64."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    hidden = np.maximum(images / 16 @ w["w1"] + w["b1"], 0)
    hidden = np.floor(hidden * HIDDEN_STEP) / HIDDEN_STEP
    return np.asarray(np.argmax(hidden @ w["w2"] + w["b2"], axis=1))


def samples(images: Array, digits: Array, answers: Array) -> list[dict[str, Any]]:
    """The first held-out images of each digit that the model reads right."""
    right = np.flatnonzero(digits == answers)
    chosen = [i for digit in range(10) for i in right[digits[right] == digit][:SAMPLES_PER_DIGIT]]
    return [
        {"label": str(digits[i]), "pixels": images[i].astype(np.uint8).tobytes().hex()}
        for i in chosen
    ]


def main(folder: Path) -> None:
    """Train, build and write ``digits.onnx`` and ``digits.json`` into ``folder``."""
    images, digits, held_out, truth = split()
    weights = train(images, digits)
    answers = predict(weights, held_out)
    facts = {
        "held_out": len(truth),
        "right": int((answers == truth).sum()),
        "samples": samples(held_out, truth, answers),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "digits.onnx").write_bytes(build_onnx(weights))
    (folder / "digits.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(f"{facts['right']} of {facts['held_out']} held-out digits right; wrote {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
