# SPDX-License-Identifier: Apache-2.0
"""Times sessions by turns, one run each, on one thread: prints ratios to the float model's.

In the thread's own CPU time: on a machine that does other things as well, a slice of time that goes
to another process would be most of what a clock on the wall shows.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, thread_time
from typing import Any

import numpy as np
import onnxruntime as ort

from verifiers.opml.trace import fed

SECONDS, LEAST, MOST = 12, 40, 2000
FLOAT = "float"


def session(path: Path) -> Any:
    """As a worker opens it."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def runner(folder: Path, name: str) -> Callable[[], Any]:
    """One inference over the first sample."""
    opened = session(folder / f"{name}.onnx")
    port = opened.get_inputs()[0]
    if name in (FLOAT, "int8"):
        array = np.load(folder / "float.npy")[0]
    else:
        shape = tuple(size if isinstance(size, int) else None for size in port.shape)
        array = fed((folder / "given.bin").read_bytes(), TYPES[port.type], shape)
    feed = {port.name: array}
    return lambda: opened.run(None, feed)


TYPES = {
    "tensor(uint8)": "uint8",
    "tensor(uint16)": "uint16",
    "tensor(int32)": "int32",
}


def seconds(run: Callable[[], Any]) -> float:
    """Of CPU time."""
    start = thread_time()
    run()
    return thread_time() - start


def rounds(runs: dict[str, Callable[[], Any]]) -> dict[str, list[float]]:
    """Seconds of each run; every round begins with another session."""
    names, taken = list(runs), {name: list[float]() for name in runs}
    begun = perf_counter()
    for turn in range(MOST):
        if turn >= LEAST and perf_counter() - begun > SECONDS:
            break
        at = turn % len(names)
        for name in names[at:] + names[:at]:
            taken[name].append(seconds(runs[name]))
    return taken


def main(folder: Path) -> None:
    names = [n for n in (FLOAT, "f32", "u8", "int8") if (folder / f"{n}.onnx").exists()]
    runs = {name: runner(folder, name) for name in names}
    for run in runs.values():
        for _ in range(5):
            run()
    taken = rounds(runs)
    ratios = {
        name: round(median(a / b for a, b in zip(taken[name], taken[FLOAT], strict=True)), 3)
        for name in names
        if name != FLOAT
    }
    times = {name: round(1000 * median(taken[name]), 4) for name in names}
    print(json.dumps({"rounds": len(taken[FLOAT]), "milliseconds": times, "ratios": ratios}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
