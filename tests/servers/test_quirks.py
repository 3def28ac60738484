# SPDX-License-Identifier: Apache-2.0
"""Each server has the quirks that docs/providers.md says it has, and the engine gets past them.

A server that mends one, in a version to come, fails here: then the row of the table goes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import pytest

from benchmarks.serving.hosts import MODELS, Host
from offchain_workers.engines.oip import EndpointRefusedError, OipEngine
from offchain_workers.oip import JSON_LENGTH
from tests.engines.onnx_files import LOOK_UP, look_up, spec_of

DIGITS = MODELS[0]
[PIXELS] = DIGITS.card.inputs
INFER = "/v2/models/digits/infer"

pytestmark = pytest.mark.servers


@dataclass(frozen=True)
class Ways:
    """Statuses, but for ``has_signature`` (in its metadata) and ``bad_shape_type``."""

    bad_shape: int
    bad_shape_type: str
    malformed: int
    no_tensors: int
    not_ready: int
    binary: int
    untyped: int
    index: int
    has_signature: bool


WAYS = {
    "mlserver": Ways(500, "text/plain", 422, 422, 404, 422, 200, 200, False),
    "kserve": Ways(500, "application/json", 422, 422, 404, 200, 400, 404, False),
    "triton": Ways(400, "application/json", 500, 500, 400, 200, 200, 403, True),
}


@pytest.fixture
def ways(server: Host) -> Ways:
    return WAYS[server.kind]


def post(server: Host, path: str, **what: Any) -> httpx.Response:
    """On a connection of its own."""
    return httpx.post(server.url + path, trust_env=False, **what)


def get(server: Host, path: str) -> httpx.Response:
    return httpx.get(server.url + path, trust_env=False)


def digit(width: int = 64) -> dict[str, Any]:
    data = [0.0] * width
    return {
        "inputs": [{"name": PIXELS.name, "datatype": "FP32", "shape": [1, width], "data": data}]
    }


def test_a_wrong_shape(server: Host, ways: Ways) -> None:
    told = post(server, INFER, json=digit(63))
    assert told.status_code == ways.bad_shape
    assert told.headers["content-type"].startswith(ways.bad_shape_type)


def test_what_is_not_json(server: Host, ways: Ways) -> None:
    headers = {"content-type": "application/json"}
    told = post(server, INFER, content=b'{"inputs": [{]}', headers=headers)
    assert told.status_code == ways.malformed


def test_json_without_tensors(server: Host, ways: Ways) -> None:
    assert post(server, INFER, json={"hello": 1}).status_code == ways.no_tensors


def test_a_model_that_it_lacks_is_404_and_not_ready_in_its_own_way(
    server: Host, ways: Ways
) -> None:
    assert post(server, "/v2/models/nope/infer", json=digit()).status_code == 404
    assert get(server, "/v2/models/nope/ready").status_code == ways.not_ready


def test_bytes_whatever_it_lists(server: Host, ways: Ways) -> None:
    """KServe takes them and does not say so; we send JSON there."""
    entry = digit()["inputs"][0] | {"parameters": {"binary_data_size": 256}}
    del entry["data"]
    head = json.dumps({"inputs": [entry]}).encode()
    headers = {JSON_LENGTH: str(len(head)), "content-type": "application/octet-stream"}
    assert (
        post(server, INFER, content=head + bytes(256), headers=headers).status_code == ways.binary
    )


def test_json_that_does_not_say_that_it_is(server: Host, ways: Ways) -> None:
    """As tritonclient sends it; KServe takes it for bytes. Ours always says so."""
    told = post(server, INFER, content=json.dumps(digit()).encode())
    assert told.status_code == ways.untyped


def test_its_metadata_and_its_index(server: Host, ways: Ways) -> None:
    signature = get(server, "/v2/models/digits").json()["inputs"]
    assert bool(signature) is ways.has_signature
    assert post(server, "/v2/repository/index", json={}).status_code == ways.index


def test_one_dimension_comes_back_as_two_and_is_read_as_one(server: Host) -> None:
    if server.kind == "triton":
        pytest.skip("its Python backend declares no tensor of the batch dimension alone")
    entry = {"name": "index", "datatype": "INT32", "shape": [3], "data": [2, 0, 1]}
    [output] = post(server, "/v2/models/toy/infer", json={"inputs": [entry]}).json()["outputs"]
    assert output["shape"] == ([3, 1] if server.kind == "mlserver" else [3])
    model = spec_of(look_up(), **LOOK_UP)
    session = OipEngine([server.url]).load(model, look_up())
    assert session.run({"index": np.array([2, 0, 1], np.int32)})["y"].tolist() == [30, 10, 20]
    with pytest.raises(EndpointRefusedError):
        session.run({"index": np.array([7], np.int32)})
    assert session.run({"index": np.array([1], np.int32)})["y"].tolist() == [20]
