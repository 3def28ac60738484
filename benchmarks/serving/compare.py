# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks serving`: ratios, each measured in one run, turn by turn."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import numpy as np

from benchmarks import ROOT, machine
from benchmarks.serving import client
from benchmarks.serving.hosts import host
from benchmarks.throughput import Figure
from offchain_workers.engines import ModelRunner
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.engines.ort import runtime
from offchain_workers.models.demo import digits_mlp, magika
from offchain_workers.models.wire import Array, unpack_items

TURNS, SECONDS = 5, 3
CONNECTIONS = (1, 32)
NAMES = ("our node", "MLServer")
FASTER, OVERHEAD_PERCENT = 2.5, 5.0
_RUNS = 400

Say = Callable[[str], None]


def measure(say: Say) -> dict[str, Any]:
    """The document of serving.json. MLServer's environment must be there."""
    meta = machine.facts() | {"tool": f"load by {client.tool()}"}
    say("engine beside bare onnxruntime")
    session, queue = overhead()
    figures = [
        Figure("engine over bare onnxruntime, magika, %", session, most=OVERHEAD_PERCENT),
        Figure("the same with wire format and queue, %", queue),
    ]
    with (
        tempfile.TemporaryDirectory() as folder,
        host("mlserver", Path(folder)) as theirs,
        own_server() as ours,
    ):
        turns = {}
        for connections in CONNECTIONS:
            say(f"requests per second at {connections} connections")
            pairs = rates(ours, theirs.url, connections)
            figures += compared(pairs, connections)
            turns[str(connections)] = dict(zip(NAMES, zip(*pairs, strict=True), strict=True))
    meta["load_after"] = f"{machine.load()} after"
    return {"meta": meta, "figures": [figure.document() for figure in figures], "turns": turns}


def rates(ours: str, theirs: str, connections: int) -> list[tuple[float, float]]:
    """Requests a second of both servers in turn, so that a busy moment hits both."""
    model = digits_mlp()
    body = client.body_of(model.card, model.samples[0][1])
    path = client.INFER.format(name=model.card.name)
    return [
        (
            client.rate(ours + path, body, connections, SECONDS),
            client.rate(theirs + path, body, connections, SECONDS),
        )
        for _ in range(TURNS)
    ]


def compared(pairs: Sequence[tuple[float, float]], connections: int) -> list[Figure]:
    """Medians of the rates, and of the ratio of each turn."""
    plural = "s" if connections > 1 else ""
    where = f"{connections} connection{plural}"
    return [
        Figure(f"our node, {where}, requests/s", round(median(one for one, _ in pairs))),
        Figure(f"MLServer, {where}, requests/s", round(median(one for _, one in pairs))),
        Figure(
            f"our node over MLServer, {where}",
            round(median(one / other for one, other in pairs), 2),
            least=FASTER,
        ),
    ]


def overhead() -> tuple[float, float]:
    """Percent that a run through the engine takes more than a bare one; and with bytes in, bytes
    out through the worker's queue.

    In CPU time of all threads, at the first decile: what other processes take, and do to caches,
    shall not count.
    """
    model = magika()
    item = np.random.default_rng(1).integers(0, 257, 2048).astype("<u2").tobytes()
    inputs = unpack_items(model.card.inputs, item, 1)
    bare = _bare(model.onnx_bytes)
    session = EmbeddedEngine("cpu").load(model.spec, model.onnx_bytes)
    runner = ModelRunner(session, model.card)
    ways: list[Callable[[], object]] = [
        lambda: bare(inputs),
        lambda: session.run(inputs),
        lambda: runner.submit(item).result(),
    ]
    rounds = [[_seconds(way) for way in ways] for _ in range(_RUNS)]
    runner.close()
    plain, engine, queue = (quantiles(times, n=10)[0] for times in zip(*rounds, strict=True))
    return round((engine / plain - 1) * 100, 2), round((queue / plain - 1) * 100, 2)


def _bare(onnx_bytes: bytes) -> Callable[[dict[str, Array]], object]:
    ort = runtime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(onnx_bytes, options, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, inputs)


def _seconds(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


@contextmanager
def own_server() -> Iterator[str]:
    """`fusion serve` as a process; its URL."""
    command = [sys.executable, "-m", "offchain_workers.cli", "--json", "serve", "demo:digits-mlp"]
    with subprocess.Popen(
        [*command, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT,
        start_new_session=True,  # as MLServer: the system shares its time between sessions
    ) as process:  # fmt: skip
        assert process.stdout is not None
        said = b""
        while not said.rstrip().endswith(b"}"):
            line = process.stdout.readline()
            assert line, "the server did not start"
            said += line
        try:
            yield str(json.loads(said)["url"])
        finally:
            process.terminate()
