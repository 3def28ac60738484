# SPDX-License-Identifier: Apache-2.0
"""Build the demo's smallest digits model, which is cheap to run and often wrong.

    python scripts/build_demo_tiny.py [FOLDER]

A logistic regression on means of 2x2 pixels: 170 numbers. The result is committed: training is not
the same bit for bit everywhere.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from onnx import helper
from sklearn.linear_model import LogisticRegression

from scripts.build_demo_cnn import run
from scripts.build_zk_models import Array, build
from scripts.train_digits import FOLDER, split

SIDE, POOL = 8, 2
WIDTH = (SIDE // POOL) ** 2


def pooled(images: Array) -> Array:
    """Means of 2x2 pixels, from 0 to 16: (n, 64) -> (n, 16)."""
    few = SIDE // POOL
    squares = images.reshape(-1, few, POOL, few, POOL).mean(axis=(2, 4))
    return np.asarray(squares.reshape(len(images), -1))


def model(images: Array, digits: Array) -> bytes:
    """Pixels (n, 64) from 0 to 16 -> logits."""
    fitted = LogisticRegression(max_iter=3000).fit(pooled(images) / 16, digits)
    node = helper.make_node
    nodes = [
        node("Reshape", ["pixels", "plane"], ["image"]),
        node("AveragePool", ["image"], ["squares"], kernel_shape=[POOL, POOL],
             strides=[POOL, POOL]),
        node("Reshape", ["squares", "flat"], ["few"]),
        node("Gemm", ["few", "w", "b"], ["logits"]),
    ]  # fmt: skip
    weights = {
        "plane": np.array([-1, 1, SIDE, SIDE]),
        "flat": np.array([-1, WIDTH]),
        "w": np.rint(fitted.coef_.T / 16 * 4096) / 4096,
        "b": np.rint(fitted.intercept_ * 4096) / 4096,
    }
    return build("digits-tiny", nodes, weights, ["pixels", [SIDE * SIDE]], 10)


def main(folder: Path) -> None:
    """Build, say how many held-out images are right, and write ``digits_tiny.onnx``."""
    images, digits, held_out, truth = split()
    data = model(images, digits)
    (folder / "digits_tiny.onnx").write_bytes(data)
    right = int((run(data, held_out).argmax(1) == truth).sum())
    print(f"{right} of {len(truth)} held-out digits right; wrote {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
