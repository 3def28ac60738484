# SPDX-License-Identifier: Apache-2.0
"""Build two small transformer encoders: one names which of four topics 32 tokens are about, one
gives numbers that stand for a text of 32 words.

    python scripts/build_encoder.py [FOLDER [FOLDER OF THE SECOND]]

Embedding, positions, two blocks of attention and a Gelu network with LayerNorms, then the mean and
a linear classifier. The body keeps its random, seeded weights; the classifier is a ridge regression
on what the body makes of random sentences. Plain ONNX without fused nodes, as exporters write it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).parent.parent / "tests" / "data"
SHIPPED = Path(__file__).parent.parent / "offchain_workers" / "models" / "data"
LENGTH, WIDTH, HEADS, HIDDEN, BLOCKS, CLASSES = 32, 32, 4, 64, 2, 4
VOCABULARY, EMBEDDED = 64, 1024
SEED, TRAINED_ON, HELD_OUT = 0, 1200, 400

Array = np.ndarray[Any, np.dtype[Any]]


class Model:
    """Nodes and constants under construction."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.consts: dict[str, Array] = {}
        self.random = np.random.default_rng(SEED)

    def __call__(self, op: str, *inputs: str, **attrs: Any) -> str:
        name = f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attrs))
        return name

    def const(self, value: Any, dtype: Any = np.float32) -> str:
        name = f"const_{len(self.consts)}"
        self.consts[name] = np.asarray(value, dtype)
        return name

    def weight(self, *shape: int) -> str:
        return self.const(self.random.normal(0, shape[0] ** -0.5, shape))

    def linear(self, x: str, inside: int, outside: int) -> str:
        bias = self.const(self.random.normal(0, 0.1, outside))
        return self("Add", self("MatMul", x, self.weight(inside, outside)), bias)

    def norm(self, x: str) -> str:
        """Decomposed, as exporters before opset 17 do."""
        centred = self("Sub", x, self("ReduceMean", x, axes=[-1]))
        square = self("Pow", centred, self.const(2.0))
        spread = self("Add", self("ReduceMean", square, axes=[-1]), self.const(1e-5))
        normal = self("Div", centred, self("Sqrt", spread))
        gamma = self.const(self.random.uniform(0.7, 1.3, WIDTH))
        beta = self.const(self.random.normal(0, 0.1, WIDTH))
        return self("Add", self("Mul", normal, gamma), beta)

    def gelu(self, x: str) -> str:
        erf = self("Erf", self("Div", x, self.const(2**0.5)))
        return self("Mul", self("Mul", x, self("Add", erf, self.const(1.0))), self.const(0.5))

    def heads(self, x: str) -> str:
        shape = self.const([0, LENGTH, HEADS, WIDTH // HEADS], np.int64)
        return self("Transpose", self("Reshape", x, shape), perm=[0, 2, 1, 3])

    def attention(self, x: str) -> str:
        q, k, v = (self.heads(self.linear(x, WIDTH, WIDTH)) for _ in range(3))
        scores = self("MatMul", q, self("Transpose", k, perm=[0, 1, 3, 2]))
        scaled = self("Div", scores, self.const((WIDTH // HEADS) ** 0.5 / 2))
        mixed = self("MatMul", self("Softmax", scaled, axis=-1), v)
        joined = self("Transpose", mixed, perm=[0, 2, 1, 3])
        flat = self("Reshape", joined, self.const([0, LENGTH, WIDTH], np.int64))
        return self.linear(flat, WIDTH, WIDTH)

    def block(self, x: str) -> str:
        x = self("Add", x, self.attention(self.norm(x)))
        hidden = self.gelu(self.linear(self.norm(x), WIDTH, HIDDEN))
        return self("Add", x, self.linear(hidden, HIDDEN, WIDTH))


def body(model: Model, vocabulary: int = VOCABULARY) -> str:
    """Tokens -> features (n, WIDTH)."""
    rows = model.const(model.random.normal(0, 1, (vocabulary, WIDTH)))
    positions = model.const(model.random.normal(0, 0.3, (1, LENGTH, WIDTH)))
    x = model("Add", model("Gather", rows, "tokens", axis=0), positions)
    for _ in range(BLOCKS):
        x = model.block(x)
    return model("ReduceMean", model.norm(x), axes=[1], keepdims=0)


def finish(model: Model, output: str, width: int) -> bytes:
    graph = helper.make_graph(
        [*model.nodes, helper.make_node("Identity", [output], ["scores"])],
        "encoder",
        [helper.make_tensor_value_info("tokens", TensorProto.INT32, ["n", LENGTH])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", width])],
        [numpy_helper.from_array(value, name) for name, value in model.consts.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    made.ir_version = 8
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString(deterministic=True))


def sentences(count: int, seed: int) -> tuple[Array, Array]:
    """Tokens; a class draws most of its tokens from its own quarter of the vocabulary."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, count)
    own = random.integers(0, VOCABULARY // CLASSES, (count, LENGTH)) * CLASSES + labels[:, None]
    other = random.integers(0, VOCABULARY, (count, LENGTH))
    return np.where(random.random((count, LENGTH)) < 0.3, own, other).astype(np.int32), labels


def build() -> bytes:
    """The trained model."""
    untrained = Model()
    features = finish(untrained, body(untrained), WIDTH)
    tokens, labels = sentences(TRAINED_ON, 1)
    session = ort.InferenceSession(features, providers=["CPUExecutionProvider"])
    x = session.run(None, {"tokens": tokens})[0].astype(np.float64)
    x = np.hstack([x, np.ones((len(x), 1))])
    wanted = np.eye(CLASSES)[labels] * 2 - 1
    fitted = np.linalg.solve(x.T @ x + 1e-2 * np.eye(x.shape[1]), x.T @ wanted)
    rounded = np.rint(fitted * 4 * 1024) / 1024
    model = Model()
    weighted = model("MatMul", body(model), model.const(rounded[:-1]))
    logits = model("Add", weighted, model.const(rounded[-1]))
    return finish(model, model("Softmax", logits, axis=-1), CLASSES)


def embedding() -> bytes:
    """The body over more tokens, less what all texts have in common: texts that share words come
    out near to each other."""
    plain = Model()
    session = ort.InferenceSession(
        finish(plain, body(plain, EMBEDDED), WIDTH), providers=["CPUExecutionProvider"]
    )
    tokens = np.random.default_rng(3).integers(0, EMBEDDED, (TRAINED_ON, LENGTH)).astype(np.int32)
    common = session.run(None, {"tokens": tokens})[0].mean(0)
    model = Model()
    features = body(model, EMBEDDED)
    return finish(model, model("Sub", features, model.const(np.rint(common * 1024) / 1024)), WIDTH)


def main(folder: Path, shipped: Path) -> None:
    """Build, say how many held-out sentences are right, write ``encoder.onnx``,
    ``embedding.onnx``."""
    (shipped / "embedding.onnx").write_bytes(embedding())
    data = build()
    tokens, labels = sentences(HELD_OUT, 2)
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    answers = session.run(None, {"tokens": tokens})[0].argmax(1)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "encoder.onnx").write_bytes(data)
    print(f"{(answers == labels).sum()} of {HELD_OUT} right; wrote {folder}")


if __name__ == "__main__":
    main(
        Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER,
        Path(sys.argv[2]) if len(sys.argv) > 2 else SHIPPED,
    )
