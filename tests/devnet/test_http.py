# SPDX-License-Identifier: Apache-2.0
"""The JSON-RPC front of the embedded chain: batches, nonsense, many clients at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from offchain_workers.devnet import Devnet


def post(devnet: Devnet, body: Any) -> Any:
    if isinstance(body, bytes):
        return httpx.post(devnet.url, content=body, trust_env=False).json()
    return httpx.post(devnet.url, json=body, trust_env=False).json()


def request(method: str, *params: Any, identifier: int = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identifier, "method": method, "params": list(params)}


def test_a_batch_is_answered_in_order(embedded: Devnet) -> None:
    answers = post(
        embedded, [request("eth_chainId", identifier=7), request("no_such", identifier=8)]
    )
    assert answers[0] == {"jsonrpc": "2.0", "id": 7, "result": "0x7a69"}
    assert (answers[1]["id"], answers[1]["error"]["code"]) == (8, -32601)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{nonsense", -32700),
        (b"\xff\xfe", -32700),
        ({"id": 1}, -32600),
        (7, -32600),
        (request("eth_getBalance"), -32602),
        (request("eth_getBalance", "0x12"), -32602),
        (request("eth_getBalance", "0x" + "zz" * 20), -32602),
        (request("eth_chainId", 1, 2, 3), -32602),
        (request("eth_getBlockByNumber", "soon"), -32602),
        (request("eth_call", "nothing"), -32602),
        (request("eth_getLogs", {"topics": ["0x12"]}), -32602),
        (request("eth_sendRawTransaction", "0x"), -32602),
        (request("eth_sendRawTransaction", "0x02ff"), -32602),
        (request("eth_sendRawTransaction", "0xc0"), -32602),
        (request("eth_getBalance", "0x" + "00" * 20, "0x999"), -32602),
        (request("evm_setNextBlockTimestamp", 1), -32602),
        ({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": {"a": 1}}, -32602),
    ],
)
def test_nonsense_gets_an_error_code(embedded: Devnet, body: Any, code: int) -> None:
    assert post(embedded, body)["error"]["code"] == code


def test_a_page_may_ask(embedded: Devnet) -> None:
    answer = httpx.options(embedded.url, trust_env=False)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"


def test_many_clients_at_once_lose_no_transaction(embedded: Devnet) -> None:
    def pay(index: int) -> str:
        sender = embedded.accounts[index].address
        return str(
            embedded.rpc("eth_sendTransaction", {"from": sender, "to": sender, "gas": "0x5208"})
        )

    start = int(embedded.rpc("eth_blockNumber"), 16)
    with ThreadPoolExecutor(8) as pool:
        hashes = set(pool.map(pay, [index % 8 for index in range(40)]))
    assert len(hashes) == 40
    assert int(embedded.rpc("eth_blockNumber"), 16) == start + 40
