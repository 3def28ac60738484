# SPDX-License-Identifier: Apache-2.0
"""MLServer, KServe and Triton from the registries serve jobs, each with its ways.

`make test` runs MLServer, `make test-servers` all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from benchmarks.serving.hosts import MODELS, Host, host
from offchain_workers.codecs import get_codec
from offchain_workers.devnet import start_devnet
from offchain_workers.engines import Session
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.engines.oip import (
    EndpointError,
    EndpointRefusedError,
    ModelNotServedError,
    OipEngine,
)
from offchain_workers.models.demo import DemoModel
from offchain_workers.models.wire import unpack_items
from offchain_workers.oip import BINARY_EXTENSION
from tests.operator.test_worker import label
from tests.operator.world import Market, build

DIGITS, MAGIKA, _ = MODELS
BINARY = {"mlserver": False, "kserve": False, "triton": True}
NAMES = {"mlserver": "mlserver 1.7.1", "kserve": "kserve 0.21.0", "triton": "triton 2.51.0"}

pytestmark = pytest.mark.servers


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    with start_devnet("embedded") as chain:
        yield build(chain, tmp_path)


def load(server: Host, model: DemoModel) -> Session:
    return OipEngine([server.url]).load(model.spec, model.onnx_bytes)


def pixels(n: int) -> dict[str, np.ndarray[Any, Any]]:
    return unpack_items(DIGITS.card.inputs, b"".join(raw for _, raw, _ in DIGITS.samples[:n]), n)


@pytest.mark.parametrize("n", [1, 7])
def test_answers_are_those_of_onnxruntime_to_the_bit(server: Host, n: int) -> None:
    expected = EmbeddedEngine().load(DIGITS.spec, DIGITS.onnx_bytes).run(pixels(n))
    session = load(server, DIGITS)
    assert session.run(pixels(n))["logits"].tobytes() == expected["logits"].tobytes()
    assert session.providers == (NAMES[server.kind],)


def test_a_file_is_told_by_its_bytes(server: Host) -> None:
    codec = get_codec(MAGIKA.card.codec)
    session = load(server, MAGIKA)
    name, raw, expected = MAGIKA.samples[0]
    item = codec.encode(MAGIKA.card, raw)
    answer = session.run(unpack_items(MAGIKA.card.inputs, item, 1))
    [kind] = answer.values()
    assert MAGIKA.card.labels[int(kind.argmax())] == expected, name


def test_binary_tensors_are_negotiated(server: Host) -> None:
    facts = httpx.get(f"{server.url}/v2", trust_env=False).json()
    assert (BINARY_EXTENSION in facts["extensions"]) is BINARY[server.kind]


def test_a_job_is_served_end_to_end(server: Host, market: Market) -> None:
    oip = {"kind": "oip", "oip": {"urls": (server.url,)}}
    market = replace(market, engine=oip)
    items = [raw for _, raw, _ in DIGITS.samples[:3]]
    with market.worker(market.operators[0]) as running:
        answers = market.answers(running, items)
    assert [label(answer) for answer in answers] == [kind for _, _, kind in DIGITS.samples[:3]]


def test_a_model_that_it_lacks(server: Host) -> None:
    engine = OipEngine([server.url], names={"digits": "nope"})
    with pytest.raises(ModelNotServedError):
        engine.load(DIGITS.spec, DIGITS.onnx_bytes)


def test_input_of_a_wrong_shape_blames_nobody_and_breaks_nothing(server: Host) -> None:
    """As if our card were wrong: each server has its own way to say no."""
    [spec] = DIGITS.card.inputs
    narrow = DIGITS.card.model_copy(update={"inputs": (spec.model_copy(update={"shape": (63,)}),)})
    engine = OipEngine([server.url], check=False)
    wrong = engine.load(replace(DIGITS.spec, card=narrow), b"")
    right = engine.load(DIGITS.spec, DIGITS.onnx_bytes)
    for _ in range(3):
        with pytest.raises(EndpointRefusedError):
            wrong.run({spec.name: np.zeros((1, 63), np.float32)})
        assert right.run(pixels(1))["logits"].shape == (1, 10)


def test_it_dies_and_the_error_says_where(server: Host, tmp_path: Path) -> None:
    with host(server.kind, tmp_path) as second:
        session = load(second, DIGITS)
        second.kill()
        with pytest.raises(EndpointError, match=second.url):
            session.run(pixels(1))
