# SPDX-License-Identifier: Apache-2.0
"""Requests per second of magika on Ray Serve by its replicas: run in Ray's environment.

`.venv-ray/bin/python -m benchmarks.serving.scaled` prints JSON, and Ray's own lines before it.
"""

from __future__ import annotations

import json
from dataclasses import replace

from benchmarks.serving import client
from offchain_workers.codecs import get_codec
from offchain_workers.devnet.process import free_port
from offchain_workers.models.demo import magika
from offchain_workers.serving.ray import RayEngine, Replicas

COUNTS = (1, 2)
TURNS, SECONDS, CONNECTIONS = 5, 5, 16
_WARM_SECONDS = 1
# Of a core, as Ray counts: all replicas fit on two, and only those that are asked do anything.
_SHARE = 0.5


def main() -> None:
    """Both deployments stand side by side and are asked by turns: a busy moment hits both."""
    port = free_port(None)
    engines = [RayEngine(None, port, Replicas(count, cpus=_SHARE), "cpu") for count in COUNTS]
    urls = [_deployed(engine, count) for engine, count in zip(engines, COUNTS, strict=True)]
    model = magika()
    body = client.body_of(
        model.card, get_codec(model.card.codec).encode(model.card, model.samples[0][1])
    )
    for url in urls:
        client.rate(url, body, CONNECTIONS, _WARM_SECONDS)
    turns = [[client.rate(url, body, CONNECTIONS, SECONDS) for url in urls] for _ in range(TURNS)]
    rates = dict(zip(COUNTS, zip(*turns, strict=True), strict=True))
    print(json.dumps({"runtime": engines[0].runtime, "rates": rates}))
    engines[0].close()


def _deployed(engine: RayEngine, count: int) -> str:
    """Under a name of its own; where it takes requests."""
    model = magika()
    card = model.card.model_copy(update={"name": f"magika-{count}"})
    spec = replace(model.spec, card=card)
    engine.load(spec, model.onnx_bytes)
    return engine.url(spec) + client.INFER.format(name=card.name)


if __name__ == "__main__":
    main()
