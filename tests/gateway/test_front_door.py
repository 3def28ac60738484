# SPDX-License-Identifier: Apache-2.0
"""/v2 over real HTTP: requests of many callers in few jobs, each with a receipt of its own."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from typer.testing import CliRunner

from offchain_workers.cli import app
from offchain_workers.cli.run import Run
from offchain_workers.oip import JSON_LENGTH
from offchain_workers.requester.receipts import (
    Receipt,
    ReceiptElsewhereError,
    ReceiptError,
    ReceiptInputError,
    ReceiptOutputError,
    ReceiptUnfoundedError,
    check,
    check_items,
)
from tests.gateway.world import World, code


def receipt_of(answer: httpx.Response) -> Receipt:
    return Receipt.parse(answer.json()["parameters"]["receipt"].encode())


def checked(world: World, receipt: Receipt) -> Any:
    return check(receipt, world.net.pool, world.net.network.marketplace)


def best(answer: httpx.Response, world: World) -> list[str]:
    (output,) = answer.json()["outputs"]
    rows = np.array(output["data"]).reshape(output["shape"])
    return [world.card.labels[i] for i in rows.argmax(axis=1)]


@pytest.fixture(scope="module")
def together(shared: World) -> list[httpx.Response]:
    """Sixteen callers at once, each with one or two rows."""
    shared.infer()  # the subnet is formed

    def ask(i: int) -> httpx.Response:
        with shared.client() as client:
            return shared.infer(client, *range(i, i + 1 + i % 2), id=str(i))

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(ask, range(16)))


def test_callers_share_jobs_and_each_gets_its_own_answers(
    shared: World, together: list[httpx.Response]
) -> None:
    for i, answer in enumerate(together):
        assert answer.status_code == 200, answer.text
        assert answer.json()["id"] == str(i)
        assert best(answer, shared) == [shared.label(j) for j in range(i, i + 1 + i % 2)]
        assert answer.json()["parameters"]["final"] is True
    jobs = {answer.json()["parameters"]["job_id"] for answer in together}
    assert len(jobs) <= 8  # of sixteen requests


def test_every_receipt_leads_from_the_callers_input_to_the_chain(
    shared: World, together: list[httpx.Response]
) -> None:
    samples = shared.net.models["digits"][1].samples
    for i, answer in enumerate(together):
        receipt = receipt_of(answer)
        items = [samples[j % len(samples)][1] for j in range(i, i + 1 + i % 2)]
        check_items(receipt, items)
        result = checked(shared, receipt)
        assert result.final
        assert result.job_id == answer.json()["parameters"]["job_id"]
    assert max(receipt_of(answer).n for answer in together) > 1


def forged(receipt: Receipt, **changes: Any) -> Receipt:
    return receipt.model_copy(update=changes)


def with_item(receipt: Receipt, **changes: Any) -> Receipt:
    first = receipt.items[0].model_copy(update=changes)
    return forged(receipt, items=[first, *receipt.items[1:]])


def test_a_receipt_that_was_changed_anywhere_is_found_out(
    shared: World, together: list[httpx.Response]
) -> None:
    receipts = [receipt_of(answer) for answer in together]
    receipt = next(one for one in receipts if one.n > 1)
    other = next(one for one in receipts if one.job_id != receipt.job_id)
    item = receipt.items[0]
    word = "0x" + "ab" * 32
    lies: list[tuple[Receipt, type[ReceiptError]]] = [
        (forged(receipt, chain_id=1), ReceiptElsewhereError),
        (forged(receipt, market=shared.daemon.address), ReceiptElsewhereError),
        (forged(receipt, n=receipt.n + 1), ReceiptUnfoundedError),
        (forged(receipt, job_id=word), ReceiptUnfoundedError),
        (forged(receipt, post=other.post), ReceiptUnfoundedError),
        (forged(receipt, answer=other.answer), ReceiptUnfoundedError),
        (forged(receipt, answer=receipt.post), ReceiptUnfoundedError),
        (with_item(receipt, input_commitment=word), ReceiptInputError),
        (with_item(receipt, index=receipt.n + 3), ReceiptInputError),
        (with_item(receipt, index=(item.index + 1) % receipt.n), ReceiptInputError),
        (with_item(receipt, input_proof=[*item.input_proof, word]), ReceiptInputError),
        (with_item(receipt, output="0x" + "00" * 40), ReceiptOutputError),
        (with_item(receipt, output_proof=item.output_proof[:-1]), ReceiptOutputError),
    ]
    for lie, kind in lies:
        with pytest.raises(kind):
            checked(shared, lie)


def test_the_command_checks_a_whole_answer(
    shared: World, together: list[httpx.Response], tmp_path: Path
) -> None:
    kept = tmp_path / "answer.json"
    kept.write_bytes(together[0].content)
    item = tmp_path / "item.bin"
    item.write_bytes(shared.net.models["digits"][1].samples[0][1])
    rpc = ["--rpc", shared.net.devnet.url]
    base = ["--config", str(shared.net.layout.config), "--json", "receipt", "verify", str(kept)]
    done = CliRunner().invoke(app, [*base, *rpc, "--item", str(item)], obj=Run())
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["final"], told["inputs_compared"]) == (True, True)
    item.write_bytes(b"another")
    failed = CliRunner().invoke(app, [*base, *rpc, "--item", str(item)], obj=Run())
    assert isinstance(failed.exception, ReceiptInputError)


def test_metadata_and_health_are_those_of_the_protocol(shared: World) -> None:
    http = shared.http
    assert http.get("/v2/health/live").json() == {"live": True}
    assert http.get("/v2/health/ready").json() == {"ready": True}
    assert "binary_tensor_data" in http.get("/v2").json()["extensions"]
    model = http.get("/v2/models/digits").json()
    assert model["inputs"] == [{"name": "pixels", "datatype": "FP32", "shape": [-1, 64]}]
    assert http.get("/v2/models/digits/versions/1/ready").json()["ready"] is True
    for path in ("/v2/models/nobody", "/v2/models/digits/versions/7", "/v2/models/task:digit"):
        answer = http.get(path)
        assert answer.status_code == 404
        assert isinstance(answer.json()["error"], str)


def test_a_task_has_the_metadata_of_what_does_it(shared: World) -> None:
    http = shared.http
    task, model = (http.get(f"/v2/models/{name}").json() for name in ("task:digits", "digits"))
    assert task["inputs"] == model["inputs"]
    assert http.get("/v2/models/task:digits/ready").json()["ready"] is True
    answer = http.get("/v2/models/task:digit/ready")
    assert answer.status_code == 404
    assert "did you mean digits?" in answer.json()["error"]


def test_another_version_than_the_one_there_is_is_not_answered(shared: World) -> None:
    answer = http_infer(shared, "digits/versions/7")
    assert answer.status_code == 404
    assert "digits has no version 7: there is 1" in answer.json()["error"]


def http_infer(world: World, model: str) -> httpx.Response:
    tensor = {"name": "pixels", "datatype": "FP32", "shape": [1, 64], "data": world.pixels(0)}
    body = {"inputs": [tensor], "parameters": {"methods": "none", "members": 2}}
    return world.http.post(f"/v2/models/{model}/infer", json=body)


def test_binary_tensors_travel_both_ways(shared: World) -> None:
    row = np.array([shared.pixels(2)], "<f4").tobytes()
    tensor = {
        "name": "pixels",
        "datatype": "FP32",
        "shape": [1, 64],
        "parameters": {"binary_data_size": len(row)},
    }
    parameters = {"methods": "none", "members": 2, "binary_data_output": True}
    head = json.dumps({"inputs": [tensor], "parameters": parameters}).encode()
    headers = {JSON_LENGTH: str(len(head))}
    url = "/v2/models/digits/infer"
    answer = shared.http.post(url, content=head + row, headers=headers)
    assert answer.status_code == 200, answer.text
    cut = int(answer.headers[JSON_LENGTH])
    logits = np.frombuffer(answer.content[cut:], "<f4")
    assert shared.card.labels[int(logits.argmax())] == shared.label(2)


def test_a_task_instead_of_a_model(shared: World) -> None:
    body = {
        "parameters": {"methods": "none", "members": 2, "prefer": "cheap"},
        "inputs": [
            {"name": "pixels", "datatype": "UINT8", "shape": [1, 64],
             "data": [int(number) for number in shared.pixels(3)]}
        ],
    }  # fmt: skip
    answer = shared.http.post("/v2/models/task:digits/infer", json=body)
    assert answer.status_code == 200, answer.text
    assert best(answer, shared) == [shared.label(3)]


def test_an_inference_sent_again_with_its_key_is_answered_from_the_same_job(shared: World) -> None:
    headers = {"Idempotency-Key": "infer-once"}
    first = shared.infer(None, 1, headers=headers)
    again = shared.infer(None, 1, headers=headers)
    assert first.json()["parameters"] == again.json()["parameters"]
    assert code(shared.infer(None, 2, headers=headers)) == "MN-GATE-011"


@pytest.mark.parametrize(
    ("change", "status", "expected"),
    [
        ({"parameters": {"prefer": "best"}}, 400, "MN-GATE-001"),
        ({"parameters": {"max_prise": 1}}, 400, "MN-GATE-001"),
        ({"parameters": {"private": True}}, 422, "MN-GATE-013"),
        ({"parameters": {"max_price": 1}}, 422, "MN-ROUTE-011"),
        ({"inputs": []}, 400, "MN-ENGINE-012"),
        ({"inputs": [{"name": "pixels"}]}, 400, "MN-ENGINE-012"),
        ({"outputs": [{"name": "nothing"}]}, 400, "MN-ENGINE-012"),
    ],
)
def test_what_is_wrong_with_a_request_is_said(
    shared: World, change: dict[str, Any], status: int, expected: str
) -> None:
    answer = shared.infer(None, 0, **change)
    assert (answer.status_code, code(answer)) == (status, expected)


@pytest.mark.parametrize("value", [0.5, 17.0e300, -1.0])
def test_numbers_that_the_model_does_not_take_are_refused(shared: World, value: float) -> None:
    data = [value] * 64
    tensor = {"name": "pixels", "datatype": "FP64", "shape": [1, 64], "data": data}
    answer = shared.infer(None, 0, inputs=[tensor])
    assert answer.status_code in (400, 422)
