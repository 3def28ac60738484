# SPDX-License-Identifier: Apache-2.0
"""What proving takes by a circuit's rows: the router's table of what method zkml can carry.

Each circuit is made and proved in a process of its own. Memory is the peak of any step that a
worker runs (keys are dearer than proofs), time is the CPU time of a proof, so that a busy machine
gives the same figure; it is as long as the proof takes on one core.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks import ROOT, machine
from verifiers.zkml.keys import prepared
from verifiers.zkml.setup import Options, make

# Hidden values of a perceptron 64 -> n -> 10: each widest one that fits its rows, about.
WIDTHS = (16, 64, 200, 500, 1_000)
# What a worker's machine may be expected to have.
MEMORY_MIB = 8_192
# Assumed, not measured: an enclave's memory, and what a model of so many bytes needs of it.
TEEML = {"base_mib": 200, "memory_mib": 2_048, "times_onnx": 3}
_MIB = 1 << 20


def measure(say: Callable[[str], None] = lambda step: None) -> dict[str, Any]:
    """The document of routing/data/carried.json. Figures of fewer rows than any are the next's."""
    meta, rows = machine.facts(), dict[str, Any]()
    for width in WIDTHS:
        say(f"proving a perceptron with {width} hidden values")
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.carried", str(width)],
            capture_output=True, text=True, check=True, cwd=ROOT,
        )  # fmt: skip
        found = json.loads(done.stdout.splitlines()[-1])
        say(str(found))
        rows[str(found.pop("k"))] = found
    return {"meta": meta, "teeml": TEEML, "zkml": {"memory_mib": MEMORY_MIB, "rows": rows}}


def proved(width: int) -> dict[str, int]:
    """Rows (a power of two), CPU milliseconds of a proof, peak memory in MiB."""
    images = [np.random.default_rng(i).integers(0, 17, 64).astype(np.uint8) for i in range(4)]
    options = Options(scale=7, input_scale=0)
    found = make(perceptron(width), images, options).bundle
    with tempfile.TemporaryDirectory() as folder:
        prover = prepared(found, Path(folder))
        before = _cpu_seconds()
        prover.prove([int(pixel) for pixel in images[0]])
        seconds = _cpu_seconds() - before
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return {
        "k": found.description.k,
        "memory_mib": -(-peak // _MIB),
        "prove_ms": int(seconds * 1_000) + 1,
    }


def perceptron(width: int) -> bytes:
    """64 -> width -> 10, with seeded weights."""
    random = np.random.default_rng(0)
    weights = {
        "w1": random.normal(0, 0.1, (64, width)),
        "w2": random.normal(0, 0.1, (width, 10)),
    }
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("MatMul", ["r", "w2"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "perceptron",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 10])],
        [numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    print(json.dumps(proved(int(sys.argv[1]))))
