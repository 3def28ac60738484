# SPDX-License-Identifier: Apache-2.0
"""/v1 over real HTTP on a real market: plan, post, follow, answer, receipt."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from eth_utils.crypto import keccak

from offchain_workers.chain.call import Call
from offchain_workers.requester.receipts import Receipt, check, check_items
from offchain_workers.routing.record import DecisionRecord
from tests.gateway.world import WISH, World, code, stream


def test_a_plan_says_what_would_be_used_and_why_and_moves_no_money(shared: World) -> None:
    before = shared.http.get("/health").json()["balance"]
    plan = shared.http.post("/v1/plan", json={"task": "digits", "members": 2}).json()
    assert plan["choice"]["name"] == "digits"
    assert any("digits under none" in line for line in plan["reasons"])
    record = DecisionRecord.model_validate(plan["record"])
    assert "0x" + record.hash().hex() == plan["id"]
    assert shared.http.get("/health").json()["balance"] == before


def test_a_plan_that_nothing_fits_says_why(shared: World) -> None:
    wish = {"task": "digits", "members": 2, "max_price": "1"}
    plan = shared.http.post("/v1/plan", json=wish).json()
    assert plan["choice"] is None
    assert "digits under none would, at most " in plan["reasons"][0]
    assert "digits under none: no: members, price (2 offers)" in plan["reasons"]
    answer = shared.http.post("/v1/jobs", json={"wish": wish, "inputs": [{"value": [1] * 64}]})
    assert (answer.status_code, code(answer)) == (422, "MN-ROUTE-011")
    assert "price" in answer.text


def test_a_job_is_posted_answered_and_its_receipt_holds(shared: World) -> None:
    posted = shared.post(count=3)
    assert posted["state"] in ("queued", "open", "paid")
    job = shared.await_final(posted["id"])
    assert job["state"] == "paid"
    assert [answer["label"] for answer in job["answers"]] == [shared.label(i) for i in range(3)]
    receipt = Receipt.model_validate(job["receipt"])
    checked = check(receipt, shared.net.pool, shared.net.network.marketplace)
    assert checked.final
    assert checked.items == 3
    assert checked.requester == shared.daemon.address
    samples = shared.net.models["digits"][1].samples
    check_items(receipt, [samples[i][1] for i in range(3)])


def test_the_decision_of_a_job_is_served_under_the_hash_in_its_terms(shared: World) -> None:
    job = shared.post()
    record = shared.http.get(f"/v1/blobs/{job['decision']}").content
    assert "0x" + keccak(record).hex() == job["decision"] == job["terms"]["decision_hash"]
    assert DecisionRecord.from_canonical(record).chosen.name == "digits"


def test_a_stream_tells_a_jobs_life_and_is_resumed(shared: World) -> None:
    job = shared.post()
    told = list(stream(shared.http, job["id"]))
    names = [name for _, name, _ in told]
    assert names == ["queued", "posted", "accepted", "delivered", "closed"]
    numbers = [number for number, _, _ in told]
    assert numbers == sorted(set(numbers))
    assert told[-1][2]["state"] == "paid"
    rest = list(stream(shared.http, job["id"], after=numbers[1]))
    assert [step[:2] for step in rest] == [step[:2] for step in told[2:]]
    headers = {"Last-Event-ID": str(numbers[-1])}
    over = shared.http.get(f"/v1/jobs/{job['id']}/events", headers=headers)
    assert over.status_code == 204  # an EventSource does not come again


def test_a_wallet_gets_a_transaction_to_sign_and_its_job_is_followed(shared: World) -> None:
    wallet = shared.net.wallet("requester")
    before = shared.http.get("/health").json()["balance"]
    offered = shared.post(pay="wallet", requester=wallet.address)
    assert offered["state"] == "offered"
    assert offered["requester"] == wallet.address
    assert int(offered["acceptance"]["until"]) > 0
    made = offered["transaction"]
    assert made["chain_id"] == shared.net.devnet.chain_id
    wallet.send(Call(made["to"], bytes.fromhex(made["data"][2:]), int(made["value"])))
    job = shared.await_final(offered["id"])
    assert (job["state"], job["origin"]) == ("paid", "wallet")
    assert job["answers"][0]["label"] == shared.label(0)
    assert shared.http.get("/health").json()["balance"] == before


def test_a_request_sent_again_with_its_key_makes_one_job(shared: World) -> None:
    headers = {"Idempotency-Key": "once"}
    first = shared.post(headers=headers)
    again = shared.post(headers=headers)
    assert again["id"] == first["id"]
    other = shared.ask(count=2, headers=headers)
    assert (other.status_code, code(other)) == (409, "MN-GATE-011")


def test_many_at_once_with_one_key_make_one_job(shared: World) -> None:
    def ask(_: int) -> httpx.Response:
        with shared.client() as client:
            return shared.ask(client, headers={"Idempotency-Key": "herd"})

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, range(6)))
    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    refused = [answer for answer in answers if answer.status_code != 201]
    assert all(
        code(answer) == "MN-GATE-010" and answer.headers["retry-after"] for answer in refused
    )


def test_any_job_of_the_market_is_told_from_the_chain_alone(shared: World, strict: World) -> None:
    job = shared.post()
    shared.await_final(job["id"])
    seen = strict.await_final(job["id"])
    assert (seen["origin"], seen["state"]) == ("market", "paid")
    assert seen["answers"][0]["label"] == shared.label(0)


def test_uploads_are_kept_under_their_hash_and_serve_as_inputs(shared: World) -> None:
    data = json.dumps(shared.pixels(1)).encode()
    cid = "0x" + keccak(data).hex()
    assert shared.http.put(f"/v1/blobs/{cid}", content=data).status_code == 201
    assert shared.http.get(f"/v1/blobs/{cid}").content == data
    body = {"wish": WISH, "inputs": [{"blob": cid}]}
    answer = shared.http.post("/v1/jobs", json=body)
    assert answer.status_code == 201, answer.text
    job = shared.await_final(answer.json()["id"])
    assert job["answers"][0]["label"] == shared.label(1)
    lie = shared.http.put(f"/v1/blobs/{cid}", content=b"other")
    assert (lie.status_code, code(lie)) == (422, "MN-STORE-003")
    nowhere = "0x" + "11" * 32
    missing = shared.http.get(f"/v1/blobs/{nowhere}")
    unsent = shared.http.post("/v1/jobs", json={"wish": WISH, "inputs": [{"blob": nowhere}]})
    for answer in (missing, unsent):
        assert (answer.status_code, code(answer)) == (404, "MN-STORE-002")
        # Where the gateway keeps them is nobody's business.
        assert answer.json()["error"]["message"].startswith(f"no blob {nowhere} here")


def test_models_and_offers_are_listed(shared: World) -> None:
    (model,) = shared.http.get("/v1/models").json()
    assert (model["name"], model["task"], model["methods"]) == ("digits", "digits", ["none"])
    offers = shared.http.get("/v1/offers", params={"model": "digits"}).json()
    assert [offer["tier"] for offer in offers] == ["virtual_node", "web3_share"]
    unknown = shared.http.get("/v1/offers", params={"model": "nobody"})
    assert (unknown.status_code, code(unknown)) == (404, "MN-CODEC-010")


def test_the_api_describes_itself(shared: World) -> None:
    schema = shared.http.get("/openapi.json").json()
    paths = schema["paths"]
    assert {"/v1/plan", "/v1/jobs", "/v1/jobs/{job_id}/events", "/v1/blobs/{cid}"} <= set(paths)
    assert "/v2/models/{model}/infer" in paths
    for name in ("JobAsk", "WishAsk", "JobView"):
        fields = schema["components"]["schemas"][name]["properties"]
        undescribed = [key for key, one in fields.items() if "description" not in one]
        assert set(undescribed) <= {"id", "model", "method", "subnet", "post", "answer", "wish",
                                    "requester"}, name  # fmt: skip


@pytest.mark.parametrize("final", ["0x" + "22" * 32])
def test_a_job_that_nobody_knows_is_not_found(shared: World, final: str) -> None:
    for path in (f"/v1/jobs/{final}", f"/v1/jobs/{final}/events"):
        answer = shared.http.get(path)
        assert (answer.status_code, code(answer)) == (404, "MN-GATE-012")
