# SPDX-License-Identifier: Apache-2.0
"""Who may what, and what happens to those who want more: keys, quotas, hostile input."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offchain_workers.gateway.callers import read_keys, write_keys
from offchain_workers.localnet import Localnet
from tests.gateway.world import PAGE, WISH, World, code

PATHS = ["/v1/plan", "/v1/jobs", "/v2/models/digits/infer"]
BODY: dict[str, Any] = {"wish": WISH, "inputs": [{"value": [1] * 64}]}


def test_what_spends_or_stores_takes_a_key(strict: World) -> None:
    blob = "/v1/blobs/0x" + "00" * 32
    for answer in (
        strict.http.post("/v1/jobs", json=BODY),
        strict.infer(),
        strict.http.put(blob, content=b"x"),
    ):
        assert (answer.status_code, code(answer)) == (401, "MN-GATE-005")
    with strict.client("mn_wrong") as wrong:
        answer = wrong.get("/v1/models")
        assert (answer.status_code, code(answer)) == (401, "MN-GATE-004")


def test_a_revoked_key_ends_at_once(strict: World) -> None:
    key = strict.key("leaver")
    with strict.client(key) as client:
        assert client.get("/v1/models").status_code == 200
        kept = [entry for entry in read_keys(strict.keys_file) if entry.name != "leaver"]
        write_keys(strict.keys_file, kept)
        assert code(client.get("/v1/models")) == "MN-GATE-004"


def test_a_greedy_caller_meets_429_and_others_go_on(strict: World) -> None:
    greedy, modest = strict.key("greedy"), strict.key("modest")
    with strict.client(greedy) as many, strict.client(modest) as few:
        answers = [many.get("/v1/models") for _ in range(40)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused
        assert all(code(one) == "MN-BAL-003" for one in refused)
        assert all(1 <= int(one.headers["retry-after"]) <= 60 for one in refused)
        assert few.get("/v1/models").status_code == 200
        job = strict.post(few)
        assert strict.await_final(job["id"])["state"] == "paid"


def test_a_flood_of_plans_meets_429_and_a_caller_with_a_key_goes_on(shared: World) -> None:
    """Plans need no key: callers without one are told apart by their address."""
    flooder, other = (shared.key(name, requests_per_minute=30) for name in ("flooder", "planner"))
    with shared.client(flooder) as many, shared.client(other) as few:
        # Each wish is another, so that none is answered from the one before.
        wishes = [{**WISH, "max_price": 10**18 + i} for i in range(40)]
        answers = [many.post("/v1/plan", json=wish) for wish in wishes]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(refused) >= 5
        assert all(code(one) == "MN-BAL-003" for one in refused)
        assert all(1 <= int(one.headers["retry-after"]) <= 60 for one in refused)
        assert few.post("/v1/plan", json=WISH).json()["choice"] is not None


MISSPELT = [
    ({"task": "digit"}, 422, "MN-ROUTE-011", "no model for task digit: did you mean digits?"),
    ({"task": "digits", "methods": ["nome"]}, 422, "MN-ROUTE-011", "did you mean none?"),
    ({"task": "digits", "prefer": "saef"}, 400, "MN-GATE-001", "did you mean safe?"),
    ({"model": "digtis"}, 404, "MN-CODEC-010", "no model digtis: did you mean digits?"),
]


@pytest.mark.parametrize(("wish", "status", "expected", "line"), MISSPELT)
def test_a_typing_error_in_a_wish_is_told_with_what_is_near(
    shared: World, wish: dict[str, Any], status: int, expected: str, line: str
) -> None:
    body = {"wish": wish, "inputs": [{"value": [1] * 64}]}
    for answer in (
        shared.http.post("/v1/plan", json=wish),
        shared.http.post("/v1/jobs", json=body),
    ):
        assert (answer.status_code, code(answer)) == (status, expected)
        assert line in answer.json()["error"]["message"]


UNREADABLE = [
    (
        b'{"task": "digits"}',
        "application/x-www-form-urlencoded",
        "`Content-Type: application/json`",
    ),
    (b'{"task": "digits",', "application/json", "the body is not JSON: "),
    (b"{}", "application/json", "the body: name a task or a model, one of them"),
    (b'{"task": "digits", "prefer": "saef"}', "application/json", "prefer: no preset saef: did"),
    (b'{"task": "digits", "prefer": "\\ud800"}', "application/json", "prefer: no preset \\ud800: "),
]


@pytest.mark.parametrize(("body", "kind", "said"), UNREADABLE)
def test_what_is_wrong_with_a_body_is_said(
    shared: World, body: bytes, kind: str, said: str
) -> None:
    answer = shared.http.post("/v1/plan", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, code(answer)) == (400, "MN-GATE-001")
    assert said in answer.json()["error"]["message"]


@pytest.mark.parametrize("wanting", [{"private": True}, {"prefer": "private"}])
@pytest.mark.parametrize("pay", ["balance", "wallet"])
def test_a_private_job_is_refused_with_what_to_use_instead(
    shared: World, wanting: dict[str, Any], pay: str
) -> None:
    wallet = {"requester": shared.net.account("requester").address} if pay == "wallet" else {}
    answer = shared.ask(wish={"task": "digits", **wanting}, pay=pay, **wallet)
    assert (answer.status_code, code(answer)) == (422, "MN-GATE-013")
    assert "fusion post --private" in answer.json()["error"]["message"]


def test_a_typing_error_in_an_inference_is_told_with_what_is_near(shared: World) -> None:
    answer = shared.http.post("/v2/models/task:digit/infer", json={"inputs": []})
    assert (answer.status_code, code(answer)) == (422, "MN-ROUTE-011")
    assert "did you mean digits?" in answer.json()["error"]
    answer = shared.infer(parameters={"prefer": "fsat"})
    assert "did you mean fast?" in answer.json()["error"]
    answer = shared.infer(parameters={"max_prise": 1})
    assert "no parameter max_prise: did you mean max_price?" in answer.json()["error"]


def test_an_hours_money_has_an_end_for_each_caller(strict: World) -> None:
    with strict.client(strict.key("poor", spend_per_hour=3 * 10**15)) as poor:
        strict.post(poor)
        answer = strict.ask(poor, count=3)
        assert (answer.status_code, code(answer)) == (429, "MN-GATE-007")
        assert "retry-after" not in answer.headers  # it never fits
        second = strict.ask(poor, count=2)
        assert (second.status_code, code(second)) == (429, "MN-GATE-007")
        assert 3000 < int(second.headers["retry-after"]) <= 3600
    with strict.client(strict.key("other")) as other:
        strict.post(other)


def test_gas_is_money_too(strict: World) -> None:
    """Else jobs at no price would spend the gateway's coins without end."""
    plan = strict.http.post("/v1/plan", json=WISH).json()
    price = int(plan["choice"]["price_cap"]) + strict.net.network.marketplace.keeper_tip
    with strict.client(strict.key("exact", spend_per_hour=price)) as exact:
        answer = strict.ask(exact)
        assert (answer.status_code, code(answer)) == (429, "MN-GATE-007")
    with strict.client(strict.key("with-gas", spend_per_hour=2 * price)) as rich:
        assert strict.ask(rich).status_code == 201


def test_what_is_offered_to_a_wallet_counts_as_uploaded(strict: World) -> None:
    """Nobody pays for it, and its input and record stay on the disk."""
    wallet = strict.net.account("requester").address
    with strict.client(strict.key("hoarder", blob_bytes_per_hour=20_000)) as client:
        answers = [strict.ask(client, pay="wallet", requester=wallet) for _ in range(12)]
        assert answers[0].status_code == 201
        assert (answers[-1].status_code, code(answers[-1])) == (429, "MN-GATE-021")


def test_a_gateway_without_coins_in_the_market_says_so_and_forms_nothing(market: Localnet) -> None:
    with World(market, "poor", deposit=0) as world:
        wallet, eth = world.daemon.address, market.pool.w3.eth
        wish = {**WISH, "members": 1, "region": 0, "max_price": 10**18}
        answer = world.ask(wish=wish)
        assert (answer.status_code, code(answer)) == (503, "MN-GATE-009")
        assert eth.get_transaction_count(wallet) == 0
        assert "no coins in the market" in world.daemon.log.read_text()


def test_items_in_flight_have_an_end(strict: World) -> None:
    with strict.client(strict.key("eager")) as eager:
        answer = strict.ask(eager, count=5)
        assert (answer.status_code, code(answer)) == (429, "MN-GATE-008")


def test_uploads_have_an_end(strict: World) -> None:
    with strict.client(strict.key("uploader")) as client:
        for i, (status, expected) in enumerate([(201, ""), (429, "MN-GATE-021")]):
            data = bytes([i]) * 3000
            answer = client.put("/v1/blobs/0x" + keccak(data).hex(), content=data)
            assert answer.status_code == status
            if expected:
                assert code(answer) == expected
                assert int(answer.headers["retry-after"]) > 0


def test_a_large_body_is_refused_before_it_is_read(strict: World) -> None:
    with strict.client(strict.key("large")) as client:
        answer = client.post("/v1/jobs", content=b"[" * 70_000)
        assert (answer.status_code, code(answer)) == (413, "MN-GATE-003")

        def endless() -> Any:
            for _ in range(100):
                yield b"[" * 1000

        answer = client.post("/v1/jobs", content=endless())
        assert (answer.status_code, code(answer)) == (413, "MN-GATE-003")


def test_streams_have_an_end(strict: World) -> None:
    wallet = strict.net.account("requester").address
    with strict.client(strict.key("listener", blob_bytes_per_hour=10**6)) as client:
        # Never posted: its streams stay open.
        offered = strict.post(client, pay="wallet", requester=wallet)["id"]
        url = f"/v1/jobs/{offered}/events"
        with client.stream("GET", url) as one, client.stream("GET", url) as two:
            lines = [one.iter_lines(), two.iter_lines()]
            assert all(next(each).startswith("id: ") for each in lines)
            with client.stream("GET", url) as third:
                third.read()
                assert (third.status_code, code(third)) == (429, "MN-GATE-020")


def test_one_caller_can_not_take_all_streams(shared: World) -> None:
    wallet = shared.net.account("requester").address
    offered = shared.post(pay="wallet", requester=wallet)["id"]
    url = f"/v1/jobs/{offered}/events"
    with ExitStack() as stack, shared.client(shared.key("other-listener")) as other:
        streams = [stack.enter_context(shared.http.stream("GET", url)) for _ in range(16)]
        # An iterator that is let go closes its stream. 16 are a quarter of the 64.
        lines = [stream.iter_lines() for stream in streams]
        assert all(next(each).startswith("id: ") for each in lines)
        refused = stack.enter_context(shared.http.stream("GET", url))
        assert refused.status_code == 429
        refused.read()
        assert code(refused) == "MN-GATE-020"
        heard = stack.enter_context(other.stream("GET", url))
        assert heard.status_code == 200


def test_only_the_pages_that_are_named_may_call_from_a_browser(shared: World) -> None:
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x"}
    for origin, allowed in ((PAGE, PAGE), ("https://elsewhere.example.org", None)):
        answer = shared.http.options("/v1/jobs", headers={"Origin": origin, **ask})
        assert answer.headers.get("access-control-allow-origin") == allowed


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=12,
)
NAMES = st.sampled_from([
    "wish", "inputs", "pay", "requester", "model", "task", "prefer", "max_price", "value", "blob",
    "base64", "parameters", "outputs", "name", "shape", "datatype", "data", "methods", "members",
])  # fmt: skip
SHAPED = st.dictionaries(NAMES, JSON | st.lists(st.dictionaries(NAMES, JSON), max_size=3))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    tree=JSON | SHAPED, path=st.sampled_from(["/v1/plan", "/v1/jobs", "/v2/models/digits/infer"])
)
def test_no_json_makes_a_500(shared: World, tree: Any, path: str) -> None:
    answer = shared.http.post(path, content=json.dumps(tree))
    assert 400 <= answer.status_code < 500, answer.text
    assert code(answer).startswith("MN-")


HOSTILE = [
    b"", b"{", b"\xff\xfe", b"[" * 50_000, b'{"a":' * 5_000, b"NaN", b"1" * 5_000, b'"\\ud800"',
    b'{"wish": {"model": "\\ud800"}, "inputs": [{"value": 1}]}',
    b'{"wish": {"model": "digits"}, "inputs": [{"base64": "\\u0000"}]}',
    b'{"wish": {"model": "digits", "members": 1e400}, "inputs": []}',
    b'{"inputs": [{"name": "pixels", "shape": [], "datatype": "FP32", "data": [1]}]}',
    b'{"inputs": [{"name": "pixels", "shape": [0, 64], "datatype": "FP32", "data": []}]}',
    b'{"inputs": [{"name": "pixels", "shape": [1, 64], "datatype": "BYTES", "data": ["a"]}]}',
    b'{"parameters": 7, "inputs": [{"name": "pixels"}]}',
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_no_bytes_make_a_500(shared: World, path: str) -> None:
    for body in HOSTILE:
        answer = shared.http.post(path, content=body)
        assert 400 <= answer.status_code < 500, (body[:60], answer.text)
        assert code(answer).startswith("MN-")


def test_no_address_or_header_makes_a_500(shared: World) -> None:
    job = "0x" + "33" * 32
    asked = [
        ("GET", "/v1/jobs/0x12", {}),
        ("GET", f"/v1/jobs/{job}/events", {"Last-Event-ID": "-1"}),
        ("GET", f"/v1/jobs/{job}/events", {"Last-Event-ID": "9" * 40}),
        ("GET", "/v1/blobs/..%2f..%2fetc", {}),
        ("GET", "/v1/offers?model=%00&method=" + "a" * 40, {}),
        ("GET", "/v2/models/%ff%fe", {}),
        ("POST", "/v2/models/digits/infer", {"Inference-Header-Content-Length": "99999999999999"}),
        ("POST", "/v1/jobs", {"Idempotency-Key": "k" * 200}),
        ("GET", "/v1/models", {"Authorization": "Basic \xff"}),
        ("DELETE", "/v1/jobs", {}),
        ("GET", "/nowhere", {}),
    ]
    for method, path, headers in asked:
        raw = {name: value.encode("latin-1") for name, value in headers.items()}
        try:
            answer = shared.http.request(method, path, headers=raw)
        except httpx.RemoteProtocolError:
            continue  # the server hung up on what is not HTTP
        assert 400 <= answer.status_code < 500, (path, answer.status_code, answer.text)


def test_what_is_not_http_hurts_nobody(shared: World) -> None:
    host, port = shared.daemon.endpoint.removeprefix("http://").split(":")
    for junk in (b"\x00" * 1000, b"GET / HTTP/9.9\r\n\r\n", b"POST /v1/jobs HTTP/1.1\r\n"):
        with socket.create_connection((host, int(port)), timeout=5) as raw:
            raw.sendall(junk)
    assert shared.http.get("/health").json()["ready"] is True
