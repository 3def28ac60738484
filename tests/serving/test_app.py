# SPDX-License-Identifier: Apache-2.0
"""The server over real HTTP: what the protocol promises, and clear answers to nonsense."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from offchain_workers.models.demo import digits, magika
from offchain_workers.models.wire import pack_items, unpack_items
from offchain_workers.oip import JSON_LENGTH, join, read_tensors, split, tensor_entry
from offchain_workers.serving import oip_app
from tests.serving.world import ENGINE, ask, served, serving

DIGITS, MAGIKA = digits(), magika()
PIXELS = [raw for _, raw, _ in DIGITS.samples[:8]]
INFER = "/v2/models/digits/infer"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving([served(DIGITS), served(MAGIKA)]) as found:
        yield found


def feeds(n: int) -> dict[str, np.ndarray[Any, Any]]:
    return unpack_items(DIGITS.card.inputs, b"".join(PIXELS[:n]), n)


def request(n: int = 1, **more: Any) -> dict[str, Any]:
    array = feeds(n)["pixels"]
    entry = {"name": "pixels", "datatype": "FP32", "shape": [n, 64], "data": array.tolist()}
    return {"inputs": [entry]} | more


def expected(n: int) -> list[list[float]]:
    session = ENGINE.load(DIGITS.spec, DIGITS.onnx_bytes)
    found: list[list[float]] = session.run(feeds(n))["logits"].tolist()
    return found


def test_health_and_metadata(url: str) -> None:
    assert ask(url, "/v2/health/live").json() == {"live": True}
    assert ask(url, "/v2/health/ready").json() == {"ready": True}
    assert ask(url, "/v2").json()["extensions"] == ["binary_tensor_data", "model_repository(index)"]
    assert ask(url, "/v2/models/digits/ready").status_code == 200
    metadata = ask(url, "/v2/models/digits/versions/1").json()
    assert metadata["inputs"] == [{"name": "pixels", "datatype": "FP32", "shape": [-1, 64]}]
    assert metadata["outputs"] == [{"name": "logits", "datatype": "FP32", "shape": [-1, 10]}]
    index = ask(url, "/v2/repository/index", {}).json()
    assert [(one["name"], one["state"]) for one in index] == [
        ("digits", "READY"),
        ("magika", "READY"),
    ]


@pytest.mark.parametrize("n", [1, 8])
def test_json_in_and_out(url: str, n: int) -> None:
    answer = ask(url, INFER, request(n, id="seven")).json()
    [output] = answer["outputs"]
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("seven", "digits", "1")
    assert (output["name"], output["datatype"], output["shape"]) == ("logits", "FP32", [n, 10])
    assert np.array(output["data"], np.float32).reshape(n, 10).tolist() == expected(n)


def test_binary_in_and_out_to_the_bit(url: str) -> None:
    entry, tail = tensor_entry("pixels", feeds(3)["pixels"], True)
    tree = {"inputs": [entry], "parameters": {"binary_data_output": True}}
    data, length = join(tree, [tail or b""])
    answer = ask(url, INFER, data, headers={JSON_LENGTH: str(length)})
    assert answer.headers["content-type"] == "application/octet-stream"
    body = split(answer.content, answer.headers[JSON_LENGTH])
    assert read_tensors(body.tree["outputs"], body.tail)["logits"].tolist() == expected(3)


def test_one_output_as_bytes_the_request_as_json(url: str) -> None:
    wanted = [{"name": "logits", "parameters": {"binary_data": True}}]
    answer = ask(url, "/v2/models/digits/versions/1/infer", request(outputs=wanted))
    body = split(answer.content, answer.headers[JSON_LENGTH])
    assert len(body.tail) == 40


def problem(response: httpx.Response) -> tuple[int, str]:
    tree = response.json()
    assert tree["error"].startswith(tree["code"])
    return response.status_code, tree["code"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "MN-ENGINE-012"),
        (b"{", "MN-ENGINE-012"),
        ({"bogus": 1}, "MN-ENGINE-012"),
        (request(outputs=[{"name": "nothing"}]), "MN-ENGINE-012"),
        (request(outputs="logits"), "MN-ENGINE-012"),
        (request(parameters={"binary_data_output": 1}), "MN-ENGINE-012"),
        ({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}]},
         "MN-ENGINE-006"),
        ({"inputs": [{"name": "pixels", "datatype": "INT32", "shape": [1, 64],
                      "data": [0] * 64}]}, "MN-ENGINE-006"),
        ({"inputs": [{"name": "pixels", "datatype": "FP32", "shape": [64], "data": [0] * 64}]},
         "MN-ENGINE-006"),
        ({"inputs": [{"name": "pixels", "datatype": "FP32", "shape": [0, 64], "data": []}]},
         "MN-ENGINE-006"),
        ({"inputs": [{"name": "pixels", "datatype": "FP32", "shape": [], "data": [0]}]},
         "MN-ENGINE-006"),
    ],
)  # fmt: skip
def test_bad_input_is_400_and_the_connection_lives(url: str, body: Any, code: str) -> None:
    with httpx.Client(base_url=url, trust_env=False) as client:
        sent = {"content": body} if isinstance(body, bytes) else {"json": body}
        assert problem(client.post(INFER, **sent)) == (400, code)
        assert client.post(INFER, json=request()).status_code == 200


def test_more_items_than_the_card_allows(url: str) -> None:
    n = MAGIKA.card.limits.max_items + 1
    entry, tail = tensor_entry("bytes", np.zeros((n, 2048), np.int32), True)
    data, length = join({"inputs": [entry]}, [tail or b""])
    answer = ask(url, "/v2/models/magika/infer", data, headers={JSON_LENGTH: str(length)})
    assert problem(answer) == (400, "MN-ENGINE-006")


def test_a_body_that_no_card_allows_is_not_read(url: str) -> None:
    assert problem(ask(url, INFER, bytes(2 << 20))) == (413, "MN-ENGINE-014")


def test_models_that_are_not_here(url: str) -> None:
    for path in ("/v2/models/nope/infer", "/v2/models/digits/versions/2/infer"):
        assert problem(ask(url, path, request())) == (404, "MN-ENGINE-013")
    assert problem(ask(url, "/v2/models/nope")) == (404, "MN-ENGINE-013")
    assert problem(ask(url, "/v2/models/nope/ready")) == (404, "MN-ENGINE-013")


def test_a_full_queue_is_503_with_a_hint_when_to_come_back() -> None:
    with serving([served(DIGITS, max_queue=2)]) as url:
        answer = ask(url, INFER, request(3))
        assert problem(answer) == (503, "MN-ENGINE-008")
        assert answer.headers["retry-after"] == "1"
        assert ask(url, INFER, request(2)).status_code == 200


def test_many_at_once_each_get_their_own_answer(url: str) -> None:
    """magika runs in a thread, digits on the loop and in batches."""
    rows = expected(8)
    names = [sample[1] for sample in MAGIKA.samples]

    async def run() -> None:
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
            answers = await asyncio.gather(
                *(client.post(INFER, json=one(i % 8)) for i in range(64)),
                *(client.post("/v2/models/magika/infer", json=file(i % 3)) for i in range(6)),
            )
        for i, answer in enumerate(answers[:64]):
            got = np.array(answer.json()["outputs"][0]["data"], np.float32)
            assert got.tolist() == rows[i % 8]
        for i, answer in enumerate(answers[64:]):
            got = np.array(answer.json()["outputs"][0]["data"], np.float32)
            assert got.tolist() == kinds[i % 3]

    def one(i: int) -> dict[str, Any]:
        data = feeds(8)["pixels"][i].tolist()
        return {"inputs": [{"name": "pixels", "datatype": "FP32", "shape": [1, 64], "data": data}]}

    def file(i: int) -> dict[str, Any]:
        array = tokens[i]["bytes"]
        return {
            "inputs": [
                {"name": "bytes", "datatype": "INT32", "shape": [1, 2048],
                 "data": array.ravel().tolist()}
            ]
        }  # fmt: skip

    from offchain_workers.codecs import get_codec

    codec = get_codec(MAGIKA.card.codec)
    items = [codec.encode(MAGIKA.card, name) for name in names[:3]]
    tokens = [unpack_items(MAGIKA.card.inputs, item, 1) for item in items]
    session = ENGINE.load(MAGIKA.spec, MAGIKA.onnx_bytes)
    kinds = [
        np.frombuffer(pack_items(MAGIKA.card.outputs, session.run(one)), "<f4").tolist()
        for one in tokens
    ]
    asyncio.run(run())


def test_it_can_be_mounted_under_a_prefix() -> None:
    model = served(DIGITS)
    app = Starlette(routes=[Mount("/nodes/me", oip_app([model]))])

    async def run() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            answer = await client.post("/nodes/me" + INFER, json=request())
            assert answer.status_code == 200
            assert (await client.get("/nodes/me/v2/models/digits")).status_code == 200

    asyncio.run(run())
    model.close()
