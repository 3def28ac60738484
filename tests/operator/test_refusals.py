# SPDX-License-Identifier: Apache-2.0
"""What POST /accept and PUT /blobs refuse, and with which code; one worker for all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from offchain_workers.operator.worker import BOX_ROOM
from offchain_workers.storage import content_id
from offchain_workers.storage.reference import encode_inline, encode_reference
from tests.operator.world import PIXELS, PRICE, Market, Running, inline, refusal

OTHER = bytes(64)


@pytest.fixture(scope="module")
def still(market_chain: Market, tmp_path_factory: pytest.TempPathFactory) -> Market:
    """The market as built: nothing here changes the chain."""
    folder: Path = tmp_path_factory.mktemp("still")
    return replace(market_chain, folder=folder)


@pytest.fixture(scope="module")
def running(still: Market) -> Iterator[Running]:
    with still.worker(
        still.operators[0], announce_manifest=False, min_profit_wei=PRICE // 2
    ) as worker:
        yield worker


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"subnet_id": bytes(32)}, "MN-WORKER-102"),
        ({"primary": 1}, "MN-WORKER-103"),
        ({"model_id": bytes(32)}, "MN-WORKER-105"),
        ({"selector": b"\1\2\3\4"}, "MN-WORKER-106"),
        ({"artifact_id": b"\1" * 32}, "MN-WORKER-107"),
        ({"item_size": 39}, "MN-WORKER-107"),
        ({"max_price": 1}, "MN-WORKER-108"),
        ({"deliver_by": 0}, "MN-WORKER-109"),
        ({"turn_length": 1}, "MN-WORKER-110"),
        ({"callback_gas": 500_001}, "MN-WORKER-111"),
        ({"n": 2}, "MN-WORKER-114"),
        ({"input_commitment": bytes(32)}, "MN-WORKER-115"),
    ],
)
def test_terms_that_are_refused(
    still: Market, running: Running, changes: dict[str, Any], code: str
) -> None:
    assert refusal(running.accept(still.terms(**changes), inline(PIXELS))) == code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "MN-WORKER-101"),
        (b"\x07junk", "MN-WORKER-101"),
        (encode_inline(OTHER), "MN-WORKER-115"),
        (encode_inline(PIXELS[:-1]), "MN-WORKER-114"),
        (encode_inline(PIXELS + b"\0"), "MN-WORKER-113"),
        (encode_reference(content_id(PIXELS)), "MN-WORKER-112"),
        (encode_reference(content_id(PIXELS), "http://127.0.0.1:9"), "MN-WORKER-112"),
    ],
)
def test_inputs_that_are_refused(still: Market, running: Running, data: bytes, code: str) -> None:
    assert refusal(running.accept(still.terms(), data)) == code


def test_an_upload_larger_than_any_input_is_refused(running: Running) -> None:
    big = bytes(64 * 256 + BOX_ROOM + 1)
    put = httpx.put(f"{running.worker.url}/blobs/{content_id(big)}", content=big, trust_env=False)
    assert refusal(put) == "MN-WORKER-125"


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"terms": {}, "data": "0x"}', b'{"terms": 3, "data": 4}', b"\xff\xfe"],
)
def test_what_is_no_request_is_refused(running: Running, body: bytes) -> None:
    url = f"{running.worker.url}/accept"
    assert refusal(httpx.post(url, content=body, trust_env=False)) == "MN-WORKER-101"


def test_a_huge_request_is_cut_off(running: Running) -> None:
    url = f"{running.worker.url}/accept"
    answer = httpx.post(url, content=b" " * 20_000, trust_env=False)
    assert refusal(answer) == "MN-WORKER-125"
