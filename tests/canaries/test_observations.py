# SPDX-License-Identifier: Apache-2.0
"""Signed observations: whose word it is, and what it is worth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from fastapi import FastAPI

from offchain_workers.canaries import (
    Observations,
    ObservationsInvalidError,
    ObservationsUnreachableError,
    Observed,
    Tally,
    Verdict,
    observed,
    open_observations,
    sign_observations,
    weigh,
)
from offchain_workers.canaries.board import Board, board_router, fetch
from offchain_workers.daemon.endpoint import Endpoint
from offchain_workers.signed import canonical
from offchain_workers.storage import LocalStore, content_id
from offchain_workers.storage.serve import blob_router

REGISTRY = "0x" + "22" * 20
OBSERVER, OTHER = Account.create(), Account.create()
OPERATORS = [Account.create().address for _ in range(3)]
MODEL = bytes(range(32))


def entry(operator: str, right: int = 0, wrong: int = 0) -> Observed:
    tally: Tally[str] = Tally()
    for verdict, count in ((Verdict.RIGHT, right), (Verdict.WRONG, wrong)):
        for i in range(count):
            tally.add(operator, verdict, 0.001 * (i + 1))
    return observed(operator, MODEL, tally.take()[operator])


def signed(account: LocalAccount, *entries: Observed, at: int = 1_800_000_000) -> bytes:
    return sign_observations(account, 31337, REGISTRY, entries, at - 3600, at)


def read(account: LocalAccount, *entries: Observed, at: int = 1_800_000_000) -> Observations:
    return open_observations(signed(account, *entries, at=at))


def test_what_was_seen_comes_back_as_it_was_signed() -> None:
    found = read(OBSERVER, entry(OPERATORS[0], right=100), entry(OPERATORS[1], 3, 1))
    assert (found.observer, found.chain_id, found.contract) == (OBSERVER.address, 31337, REGISTRY)
    by_operator = {one.operator: one for one in found.observed}
    first = by_operator[OPERATORS[0]]
    assert (first.right, first.wrong, first.total) == (100, 0, 100)
    assert first.p50_us == pytest.approx(50_500, abs=500)
    assert first.p95_us == pytest.approx(95_000, abs=500)
    assert by_operator[OPERATORS[1]].wrong == 1


def forgeries() -> dict[str, Any]:
    document = json.loads(signed(OBSERVER, entry(OPERATORS[0], wrong=1)))
    stranger = json.loads(signed(OTHER, entry(OPERATORS[0], wrong=1)))

    def body(**changes: Any) -> dict[str, Any]:
        return {**document, "body": {**document["body"], **changes}}

    return {
        "another observer": body(observer=OTHER.address),
        "another chain": body(chain_id=1),
        "another registry": body(contract="0x" + "33" * 20),
        "another time": body(issued_at=1),
        "nothing seen": body(observed=[]),
        "a field more": body(note="trust me"),
        "another schema": body(schema="observations@2"),
        "no signature": {**document, "signature": "0x"},
        "half a signature": {**document, "signature": document["signature"][:40]},
        "a stranger's signature": {**document, "signature": stranger["signature"]},
        "no body": {"signature": document["signature"]},
        "a list": [],
        "a number": 7,
    }


@pytest.mark.parametrize("forgery", forgeries().values(), ids=forgeries().keys())
def test_forgeries_are_refused(forgery: Any) -> None:
    with pytest.raises(ObservationsInvalidError, match="MN-BAL-006"):
        open_observations(canonical(forgery))


@pytest.mark.parametrize("document", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b" " * 70_000])
def test_garbage_is_refused(document: bytes) -> None:
    with pytest.raises(ObservationsInvalidError):
        open_observations(document)


def test_the_same_content_in_another_form_is_refused() -> None:
    document = signed(OBSERVER, entry(OPERATORS[0], 1))
    with pytest.raises(ObservationsInvalidError, match="canonical"):
        open_observations(json.dumps(json.loads(document)).encode())


def test_a_signed_body_that_makes_no_sense_is_refused() -> None:
    from offchain_workers.canaries.observations import FORM

    bad = {"since": 0, "issued_at": 1, "observed": [{"operator": "me", "right": -1}]}
    with pytest.raises(ObservationsInvalidError):
        open_observations(FORM.sign(OBSERVER, 1, REGISTRY, bad))


def test_each_observer_has_one_vote_however_loud_it_is() -> None:
    loud = read(OTHER, entry(OPERATORS[0], wrong=200))
    quiet = read(OBSERVER, entry(OPERATORS[0], right=2))
    share, trust = weigh([loud, quiet], {OBSERVER.address: 1.0, OTHER.address: 1.0})[OPERATORS[0]]
    assert (share, trust) == (0.5, 2.0)


def test_who_is_not_trusted_counts_for_nothing() -> None:
    slander = read(OTHER, entry(OPERATORS[0], wrong=200))
    assert weigh([slander], {OBSERVER.address: 1.0}) == {}


def test_the_newest_word_of_an_observer_counts() -> None:
    old = read(OBSERVER, entry(OPERATORS[0], wrong=5), at=10_000)
    new = read(OBSERVER, entry(OPERATORS[0], right=5), at=20_000)
    assert weigh([new, old], {OBSERVER.address: 1.0})[OPERATORS[0]] == (1.0, 1.0)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[tuple[str, Board]]:
    """A board behind real HTTP."""
    store = LocalStore(tmp_path / "blobs")
    board = Board(store)
    app = FastAPI()
    app.include_router(board_router(board))
    app.include_router(blob_router(store, 1 << 20))
    endpoint = Endpoint(app, "127.0.0.1", 0)
    endpoint.start()
    yield endpoint.url, board
    endpoint.stop()


def test_others_find_what_a_gateway_published(gateway: tuple[str, Board]) -> None:
    url, board = gateway
    assert fetch(url) == []
    documents = [signed(OBSERVER, entry(OPERATORS[0], right=i + 1)) for i in range(3)]
    for document in [*documents, documents[0]]:
        assert board.publish(document) == content_id(document)
    assert fetch(url) == documents[::-1]


def test_a_gateway_that_is_none_is_an_error_with_a_code(gateway: tuple[str, Board]) -> None:
    url, _ = gateway
    for wrong in (f"{url}/blobs", "http://127.0.0.1:9", "http://[", "ftp://x"):
        with pytest.raises(ObservationsUnreachableError, match="MN-BAL-007"):
            fetch(wrong)
