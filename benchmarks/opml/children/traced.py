# SPDX-License-Identifier: Apache-2.0
"""Traces one input and hashes everything, as a challenged worker does: prints time and memory."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median

from benchmarks.machine import resident_bytes
from benchmarks.opml.children.timed import runner, seconds
from verifiers.opml import bundle
from verifiers.opml.files import TRACE_FILE
from verifiers.opml.trace import Tracer

TURNS = 7


def main(folder: Path) -> None:
    program, given = bundle.load(folder), (folder / "given.bin").read_bytes()
    tracer, infer = Tracer(program, (folder / TRACE_FILE).read_bytes()), runner(folder, "f32")
    infer()
    # From here on the most memory counts that this process has from now on (Linux).
    Path("/proc/self/clear_refs").write_text("5")
    before = resident_bytes("self")
    _root(tracer, given)
    peak = resident_bytes("self", "VmHWM") - before
    tracing, inference = [], []
    for _ in range(TURNS):
        tracing.append(seconds(lambda: _root(tracer, given)))
        inference += [seconds(infer) for _ in range(5)]
    size = sum(node.byte_len for node in program.nodes)
    found = {
        "bytes": size,
        "milliseconds": round(1000 * median(tracing), 2),
        "over_inference": round(median(tracing) / median(inference), 2),
        "peak_bytes": peak,
        "peak_over_trace": round(peak / size, 2),
    }
    print(json.dumps(found))


def _root(tracer: Tracer, given: bytes) -> bytes:
    return tracer.execution(given).trace.root


if __name__ == "__main__":
    main(Path(sys.argv[1]))
