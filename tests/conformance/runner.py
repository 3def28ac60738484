# SPDX-License-Identifier: Apache-2.0
"""Runs lowerings of one model and prints their outputs' hashes: `runner.py FOLDER PROVIDER FILE...`

A script of its own, with NumPy and onnxruntime only, so that an emulator of another processor can
run the interpreter with it. FOLDER holds the files and inputs.npy, items on its first axis. Prints
{"features": {name: bool}, "hashes": {file: {level: {"alone": [sha256], "batched": [sha256]}}}}.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy._core._multiarray_umath import __cpu_features__

FEATURES = ("SSE42", "AVX", "AVX2", "AVX512F")
OPTIMISATION = ort.GraphOptimizationLevel
LEVELS = {
    "disable": OPTIMISATION.ORT_DISABLE_ALL,
    "basic": OPTIMISATION.ORT_ENABLE_BASIC,
    "extended": OPTIMISATION.ORT_ENABLE_EXTENDED,
    "all": OPTIMISATION.ORT_ENABLE_ALL,
}
# Settings of a worker's own session.
CUDA = {"use_tf32": "0", "cudnn_conv_algo_search": "DEFAULT"}
PROVIDERS: dict[str, Any] = {
    "cpu": "CPUExecutionProvider",
    "cuda": ("CUDAExecutionProvider", CUDA),
}


def main(folder: Path, provider: str, files: list[str]) -> None:
    inputs = np.load(folder / "inputs.npy", allow_pickle=False)
    hashes = {
        file: {level: hashed(folder / file, provider, level, inputs) for level in LEVELS}
        for file in files
    }
    features = {name: bool(__cpu_features__[name]) for name in FEATURES}
    sys.stdout.write(json.dumps({"features": features, "hashes": hashes}))


def hashed(file: Path, provider: str, level: str, inputs: Any) -> dict[str, list[str]]:
    """Each item by itself, and all of them at once."""
    session = opened(file, provider, level)
    alone = [run(session, inputs[i : i + 1])[0] for i in range(len(inputs))]
    return {"alone": alone, "batched": run(session, inputs)}


def opened(file: Path, provider: str, level: str) -> Any:
    options = ort.SessionOptions()
    options.graph_optimization_level = LEVELS[level]
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    chosen = PROVIDERS[provider]
    return ort.InferenceSession(file, options, providers=[chosen], enable_fallback=0)


def run(session: Any, items: Any) -> list[str]:
    # QEMU computes floats with the host's instructions only after an inexact result. Here are none.
    math.sqrt(2.0)
    (found,) = session.run(None, {session.get_inputs()[0].name: items})
    return [hashlib.sha256(item.tobytes()).hexdigest() for item in found]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
