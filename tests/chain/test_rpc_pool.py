# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from web3.contract import Contract
from web3.exceptions import ContractLogicError

from offchain_workers.chain.errors import (
    EndpointsDisagreeError,
    RpcRejectedError,
    RpcUnavailableError,
    WrongChainError,
)
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.devnet import Devnet
from tests.chain.world import JOB, Proxy

Start = Callable[[str], Proxy]


def states(pool: RpcPool) -> list[str]:
    return [row.state for row in pool.health()]


def test_a_contract_works_over_the_pool(devnet: Devnet, counter: Contract) -> None:
    pool = RpcPool([devnet.url])
    contract = pool.w3.eth.contract(address=counter.address, abi=counter.abi)
    assert contract.functions.touches(JOB).call() == 0
    assert pool.w3.is_connected()
    assert pool.chain_id == devnet.chain_id


def test_a_host_that_is_down_is_passed_over(embedded: Devnet) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        pool = RpcPool([f"http://127.0.0.1:{unused.getsockname()[1]}", embedded.url])
        assert pool.call("eth_chainId") == hex(embedded.chain_id)
    assert states(pool) == ["quarantined (down)", "ok"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_refusing_status_is_passed_over(embedded: Devnet, make_proxy: Start, status: int) -> None:
    bad = make_proxy(embedded.url)
    bad.status = status
    pool = RpcPool([bad.url, embedded.url])
    assert pool.call("eth_chainId") == hex(embedded.chain_id)
    assert f"HTTP status {status}" in str(pool.health()[0].last_error)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"id":1,"error":"no"}', b""])
def test_garbage_is_passed_over(embedded: Devnet, make_proxy: Start, body: bytes) -> None:
    bad = make_proxy(embedded.url)
    bad.body = body
    pool = RpcPool([bad.url, embedded.url])
    assert pool.call("eth_chainId") == hex(embedded.chain_id)
    assert states(pool) == ["quarantined (garbage)", "ok"]


@pytest.mark.parametrize("how", ["stalled", "drip"])
def test_a_host_that_stalls_holds_nobody_up(embedded: Devnet, make_proxy: Start, how: str) -> None:
    slow = make_proxy(embedded.url)
    setattr(slow, how, True)
    pool = RpcPool([slow.url, embedded.url], timeout=0.5)
    began = time.monotonic()
    assert pool.call("eth_chainId") == hex(embedded.chain_id)
    assert time.monotonic() - began < 5
    assert states(pool) == ["quarantined (down)", "ok"]


def test_an_endpoint_comes_back_after_its_backoff(embedded: Devnet, make_proxy: Start) -> None:
    flaky = make_proxy(embedded.url)
    pool = RpcPool([flaky.url])
    assert pool.height == 0
    flaky.status = 503
    with pytest.raises(RpcUnavailableError):
        pool.call("eth_blockNumber")
    flaky.status = 200
    deadline = time.monotonic() + 20
    while states(pool) != ["ok"] and time.monotonic() < deadline:
        try:
            pool.call("eth_blockNumber")
        except RpcUnavailableError:
            time.sleep(0.05)
    assert states(pool) == ["ok"]


def test_a_revert_is_an_answer_and_asks_nobody_else(
    embedded: Devnet, make_proxy: Start, counter_code: dict[str, Any]
) -> None:
    first, second = make_proxy(embedded.url), make_proxy(embedded.url)
    pool = RpcPool([first.url, second.url])
    call = {"data": "0x60006000fd"}
    with pytest.raises(RpcRejectedError) as refusal:
        pool.call("eth_call", [call, "latest"])
    assert refusal.value.code == "MN-CHAIN-006"
    with pytest.raises(ContractLogicError):
        pool.w3.eth.call(call)
    assert states(pool) == ["ok", "ok"]
    assert "eth_call" not in second.methods


def test_another_chain_is_shut_out(embedded: Devnet, make_proxy: Start) -> None:
    other = make_proxy(embedded.url)
    other.rewrite = chain_id_of(1)
    pool = RpcPool([other.url, embedded.url], chain_id=embedded.chain_id)
    assert pool.call("eth_chainId") == hex(embedded.chain_id)
    assert states(pool) == ["quarantined (wrong chain)", "ok"]


def test_endpoints_of_two_chains_need_a_named_chain(embedded: Devnet, make_proxy: Start) -> None:
    other = make_proxy(embedded.url)
    other.rewrite = chain_id_of(1)
    with pytest.raises(WrongChainError):
        RpcPool([other.url, embedded.url]).call("eth_chainId")


def test_a_chain_id_that_changes_under_us_is_fatal(embedded: Devnet, make_proxy: Start) -> None:
    proxy = make_proxy(embedded.url)
    pool = RpcPool([proxy.url])
    assert pool.chain_id == embedded.chain_id
    proxy.rewrite = chain_id_of(1)
    with pytest.raises(WrongChainError):
        pool.refresh()


def test_a_laggard_is_shut_out_until_it_catches_up(embedded: Devnet, make_proxy: Start) -> None:
    laggard = make_proxy(embedded.url)
    laggard.rewrite = stuck_at(embedded.rpc("eth_getBlockByNumber", "0x0", False))
    embedded.mine(10)
    pool = RpcPool([laggard.url, embedded.url], max_lag=3)
    assert pool.height == 10
    assert states(pool) == ["quarantined (lag)", "ok"]
    assert pool.health()[0].lag == 10
    laggard.rewrite = lambda request, answer: answer
    deadline = time.monotonic() + 20
    while states(pool) != ["ok", "ok"] and time.monotonic() < deadline:
        pool.refresh()
    assert states(pool) == ["ok", "ok"]


def test_a_forged_header_is_a_lie(embedded: Devnet, make_proxy: Start) -> None:
    embedded.mine()
    liar = make_proxy(embedded.url)
    liar.rewrite = in_block(1, timestamp="0x1")
    pool = RpcPool([liar.url, embedded.url])
    header = pool.header(1)
    assert header is not None
    assert header.genuine
    assert header.timestamp != 1
    assert states(pool) == ["quarantined (lie)", "ok"]
    retry = pool.health()[0].retry_in
    assert retry is not None
    assert retry > 60


def test_one_genuine_chain_settles_that_headers_can_be_checked(
    embedded: Devnet, make_proxy: Start
) -> None:
    """The liar is asked first, when nobody has shown yet that hashes can be recomputed here."""
    liar = make_proxy(embedded.url)
    liar.rewrite = in_block(0, timestamp="0x1")
    pool = RpcPool([liar.url, embedded.url])
    assert pool.height == 0
    assert states(pool) == ["quarantined (lie)", "ok"]


def test_money_waits_while_endpoints_disagree(embedded: Devnet, make_proxy: Start) -> None:
    other = make_proxy(embedded.url)
    pool = RpcPool([embedded.url, other.url])
    pool.refresh()
    pool.require_agreement()
    # Neither can be checked: the other one answers with fields of a fork that we don't know.
    other.rewrite = in_block(0, hash="0x" + "22" * 32, fieldOfALaterFork="0x1")
    with pytest.raises(EndpointsDisagreeError) as error:
        pool.require_agreement()
    assert error.value.code == "MN-CHAIN-002"
    assert states(pool) == ["ok", "ok"]


def test_health_shows_no_secrets(embedded: Devnet, make_proxy: Start) -> None:
    proxy = make_proxy(embedded.url)
    proxy.status = 503
    host = proxy.url.removeprefix("http://")
    pool = RpcPool([f"http://user:hunter2@{host}/v2/aB3dE5fG7hI9jK1lM3nO5pQ7?key=hunter3"])
    with pytest.raises(RpcUnavailableError) as error:
        pool.refresh()
    shown = f"{error.value} {pool.health()}"
    assert host in shown
    assert "hunter" not in shown
    assert "aB3dE5" not in shown


def test_no_endpoint_at_all_is_a_clear_error() -> None:
    with pytest.raises(RpcUnavailableError):
        RpcPool([])


def chain_id_of(number: int) -> Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]:
    def rewrite(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        return {**answer, "result": hex(number)} if request["method"] == "eth_chainId" else answer

    return rewrite


def stuck_at(block: dict[str, Any]) -> Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]:
    def rewrite(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        latest = request["params"][:1] == ["latest"]
        return {**answer, "result": block} if latest else answer

    return rewrite


def in_block(
    number: int, **changes: str
) -> Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]:
    def rewrite(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        result = answer.get("result")
        if isinstance(result, dict) and result.get("number") == hex(number):
            return {**answer, "result": {**result, **changes}}
        return answer

    return rewrite


# --- several requests at once -------------------------------------------------------------------


def test_blocks_come_in_one_batch(embedded: Devnet, make_proxy: Start) -> None:
    embedded.mine(5)
    proxy = make_proxy(embedded.url)
    pool = RpcPool([proxy.url])
    head = pool.header("latest")
    assert head is not None
    numbers = range(head.number - 4, head.number + 3)
    headers = pool.headers(numbers)
    assert [header.number for header in headers] == list(numbers[:5])
    assert headers[-1] == head
    assert proxy.batches == 1


def test_a_node_without_batches_is_asked_one_by_one(embedded: Devnet, make_proxy: Start) -> None:
    embedded.mine(3)
    proxy = make_proxy(embedded.url)
    proxy.one_by_one = True
    pool = RpcPool([proxy.url])
    for _ in range(2):
        assert [header.number for header in pool.headers(range(3))] == [0, 1, 2]
    assert proxy.batches == 1
    assert states(pool) == ["ok"]


def test_what_a_batch_refuses_is_asked_alone(embedded: Devnet, make_proxy: Start) -> None:
    embedded.mine(3)
    proxy = make_proxy(embedded.url)
    pool = RpcPool([proxy.url])
    pool.refresh()
    refused: list[object] = []

    def refuse_once(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        if request["params"][0] != "0x1" or refused:
            return answer
        refused.append(request["id"])
        return {"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32005, "message": "no"}}

    proxy.rewrite = refuse_once
    assert [header.number for header in pool.headers(range(3))] == [0, 1, 2]
    assert refused


def test_a_lie_within_a_batch_is_found(embedded: Devnet, make_proxy: Start) -> None:
    embedded.mine(3)
    liar = make_proxy(embedded.url)
    pool = RpcPool([liar.url, embedded.url])
    pool.refresh()
    liar.rewrite = lambda request, answer: (
        {**answer, "result": {**answer["result"], "timestamp": "0x1"}}
        if request["params"][0] == "0x2"
        else answer
    )
    assert [header.number for header in pool.headers(range(4))] == [0, 1, 2, 3]
    assert states(pool) == ["quarantined (lie)", "ok"]


@pytest.mark.parametrize("body", [b"[]", b"[1]", b'[{"id": 999, "result": null}]'])
def test_a_batch_that_lacks_answers_is_garbage(
    embedded: Devnet, make_proxy: Start, body: bytes
) -> None:
    embedded.mine(2)
    bad = make_proxy(embedded.url)
    pool = RpcPool([bad.url, embedded.url])
    pool.refresh()
    bad.body = body
    assert [header.number for header in pool.headers(range(2))] == [0, 1]
    assert states(pool) == ["quarantined (garbage)", "ok"]
