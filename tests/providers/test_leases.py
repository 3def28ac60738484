# SPDX-License-Identifier: Apache-2.0
"""Leases against a stand-in of the Console API: prices kept, nothing left running, ever."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from fastapi import Response
from sqlalchemy import update

from offchain_workers.chain.errors import DatabaseLockedError
from offchain_workers.providers.akash import sdl
from offchain_workers.providers.base import dollars, shown
from offchain_workers.providers.errors import (
    CreditError,
    KeyRefusedError,
    NoOfferError,
    NotUpError,
    OrderRefusedError,
    ProviderError,
    SourceNonsenseError,
    SourceUnavailableError,
    StillRunningError,
    UnknownLeaseError,
    UnknownSourceError,
    WishInvalidError,
)
from offchain_workers.providers.tables import LeaseRow, State
from tests.providers.console import Console, Fault, Order, Provider, error
from tests.providers.world import WISH, Desk


def test_a_search_shows_what_is_there_cheapest_first(desk: Desk) -> None:
    offers = desk.source.search(WISH)
    assert [(offer.what, offer.price, offer.free) for offer in offers] == [
        ("nvidia/rtx4090 24Gi PCIe", 250_000, 7)
    ]
    everything = desk.source.search(type(WISH)())
    assert [offer.price for offer in everything] == [250_000, 1_500_000, None]
    assert desk.console.orders == {}


def test_a_lease_is_ordered_taken_reached_and_given_back(desk: Desk) -> None:
    desk.console.up_after = 3
    row = desk.lease()
    assert (row.state, row.provider, row.price) == (State.UP, "akash1cheap", 60_000)
    assert row.url == desk.console.url
    assert desk.console.charging() == [row.name]
    assert next(iter(desk.console.orders.values())).hours == 2
    desk.leases.release(row.name)
    assert desk.console.open() == []
    assert desk.only().state == State.RELEASED


def test_the_order_says_what_was_wished_and_bounds_the_price_on_chain(desk: Desk) -> None:
    row = desk.lease(env={"TOKEN": "secret"}, command=("serve", "--port=8000"))
    order = next(iter(desk.console.orders.values()))
    service = order.sdl["services"]["node"]
    assert service["env"] == ["TOKEN=secret"]
    assert service["command"] == ["serve", "--port=8000"]
    resources = order.sdl["profiles"]["compute"]["node"]["resources"]
    assert resources["gpu"]["attributes"]["vendor"]["nvidia"] == [{"model": "rtx4090"}]
    price = order.sdl["profiles"]["placement"]["anywhere"]["pricing"]["node"]
    assert price["amount"] * 600 <= WISH.max_price
    assert "secret" not in json.dumps(row.wish)


def test_the_cheapest_bid_that_fits_is_taken(desk: Desk) -> None:
    desk.console.providers = [
        Provider("akash1dear", price="800"),
        Provider("akash1middle", price="300.5"),
        Provider("akash1closed", price="1", state="closed"),
        Provider("akash1other", price="1", denom="uakt"),
        Provider("akash1weak", price="1", gpu="gt710"),
        Provider("akash1prefix", price="1", gpu="rtx40"),
        Provider("akash1none", price="1", gpus=0),
        Provider("akash1nan", price="NaN"),
        Provider("akash1free", price="0"),
        Provider("akash1minus", price="-5"),
        Provider("akash1huge", price="1e999999"),
    ]
    row = desk.lease()
    assert (row.provider, row.price) == ("akash1middle", 180_300)


def test_no_bid_at_the_price_leaves_nothing(desk: Desk) -> None:
    desk.console.providers = [Provider("akash1dear", price="834")]  # 500,400 micro-dollars an hour
    with pytest.raises(NoOfferError):
        desk.lease(bid_seconds=0.2)
    assert desk.console.open() == []
    assert desk.only().state == State.RELEASED


def test_a_provider_that_is_away_is_passed_over(desk: Desk) -> None:
    desk.console.providers = [
        Provider("akash1asleep", price="10", awake=False),
        Provider("akash1awake", price="20"),
    ]
    assert desk.lease().provider == "akash1awake"
    assert list(desk.console.leases.values()) == [1]


def test_a_bid_that_is_gone_is_not_tried_again(desk: Desk) -> None:
    desk.console.faults = [Fault(2, error(400))]
    with pytest.raises(NoOfferError):
        desk.lease(bid_seconds=0.2)
    assert desk.console.log.count(("POST", "/v1/leases")) == 1
    assert desk.console.open() == []


def test_a_server_that_never_answers_is_given_back(desk: Desk) -> None:
    desk.console.uri = "127.0.0.1:9"
    with pytest.raises(NotUpError):
        desk.lease(up_seconds=0.2)
    assert desk.console.open() == []
    assert desk.running() == []


def test_an_answer_that_was_lost_is_no_second_lease(desk: Desk) -> None:
    """POST /v1/leases is carried out, then the connection fails: never two providers paid."""
    desk.console.providers.append(Provider("akash1second", price="200"))
    desk.console.faults = [Fault(2, error(502), after=True)]
    row = desk.lease()
    assert row.provider == "akash1cheap"
    assert list(desk.console.leases.values()) == [1]


def test_an_order_whose_answer_was_lost_is_found_by_its_name(desk: Desk) -> None:
    desk.console.faults = [Fault(0, error(504), after=True)]
    row = desk.lease()
    assert len(desk.console.orders) == 1
    assert desk.console.charging() == [row.name]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("number", range(6))
def test_a_failure_at_any_request_leaves_either_a_lease_or_nothing(
    desk: Desk, number: int, status: int, after: bool
) -> None:
    desk.console.up_after = 1
    desk.console.faults = [Fault(number, error(status), after)]
    try:
        desk.lease()
    except ProviderError:
        make_late(desk)
        assert desk.leases.settle() == []
        assert desk.console.open() == []
        assert desk.running() == []
    else:
        assert desk.console.charging() == desk.running()
        assert list(desk.console.leases.values()) == [1]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, OrderRefusedError),
        (401, KeyRefusedError),
        (402, CreditError),
        (403, OrderRefusedError),
    ],
)
def test_a_refusal_has_its_code_and_leaves_nothing(
    desk: Desk, status: int, kind: type[ProviderError]
) -> None:
    desk.console.faults = [Fault(0, error(status))]
    with pytest.raises(kind):
        desk.lease()
    assert desk.only().state == State.FAILED
    assert desk.console.log == [("POST", "/v1/deployments")]


def test_what_can_not_be_closed_is_said_loudly_and_tried_again(desk: Desk) -> None:
    desk.console.close_works = False
    desk.console.uri = "127.0.0.1:9"
    with pytest.raises(StillRunningError, match="fusion provider release"):
        desk.lease(up_seconds=0.1)
    assert desk.only().state == State.RELEASING
    assert desk.leases.settle() == [desk.only().name]
    desk.console.close_works = True
    assert desk.leases.settle() == []
    assert desk.console.open() == []


def test_a_lease_that_the_source_ended_is_over_here_too(desk: Desk) -> None:
    row = desk.lease()
    next(iter(desk.console.orders.values())).state = "closed"
    assert desk.leases.settle() == []
    assert desk.ledger.row(row.name).reason == "the source ended it"


def test_a_lost_ledger_leaves_strays_that_are_found_and_closed(
    desk: Desk, console: Console, tmp_path: Path
) -> None:
    row = desk.lease()
    console.orders["7"] = Order("7", "somebody-elses", {}, None)
    (tmp_path / "new").mkdir()
    other = Desk(console, tmp_path / "new")
    assert other.leases.strays(other.source) == {row.name: row.handle}
    other.leases.release(row.name)
    assert console.open() == ["somebody-elses"]
    with pytest.raises(UnknownLeaseError):
        other.leases.release("somebody-elses")
    other.close()


def test_many_deployments_are_paged_through(desk: Desk) -> None:
    for number in range(250):
        desk.console.orders[str(number)] = Order(str(number), f"fusion-{number}", {}, None)
    assert len(desk.source.live()) == 250


def test_an_order_that_never_appeared_is_given_up_after_a_while(desk: Desk) -> None:
    desk.console.faults = [Fault(0, error(500))]
    with pytest.raises(SourceUnavailableError):
        desk.lease()
    assert desk.only().state == State.ORDERING
    assert desk.leases.settle() == []
    assert desk.only().state == State.ORDERING
    make_late(desk)
    assert desk.leases.settle() == []
    assert desk.only().state == State.FAILED


def test_one_process_at_a_time_has_the_ledger(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(DatabaseLockedError):
        Desk(desk.console, tmp_path)


def test_a_wrong_key_is_told(console: Console, tmp_path: Path) -> None:
    desk = Desk(console, tmp_path, key="wrong")
    with pytest.raises(KeyRefusedError):
        desk.lease()
    desk.close()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'{"data": {}}', b'{"data": {"dseq": 5}}', b"\xff", b"<html>"]
)
def test_nonsense_for_an_answer_is_told_and_leaves_nothing(desk: Desk, body: bytes) -> None:
    def nonsense() -> Response:
        return Response(body)

    desk.console.faults = [Fault(0, nonsense, after=True)]
    with pytest.raises(SourceNonsenseError):
        desk.lease()
    assert desk.console.open() == []


@pytest.mark.parametrize(
    "changes",
    [{"image": ""}, {"image": "a b"}, {"hours": 0}, {"hours": 49}, {"max_price": 599}],
)
def test_a_wish_that_can_not_be_ordered_leaves_no_trace(
    desk: Desk, changes: dict[str, object]
) -> None:
    with pytest.raises(WishInvalidError):
        desk.lease(**changes)
    assert desk.ledger.all() == []
    assert desk.console.log == []


@pytest.mark.parametrize("text", ["", "0", "-1", "NaN", "inf", "1e20", "0.0000001", "1,5", "x"])
def test_prices_that_are_none(text: str) -> None:
    with pytest.raises(WishInvalidError):
        dollars(text)


def test_prices_are_exact() -> None:
    assert dollars("0.35") == 350_000
    assert shown(350_000) == "$0.3500/h"
    assert sdl(WISH)["profiles"]["placement"]["anywhere"]["pricing"]["node"]["amount"] == 833


def test_a_source_that_is_not_configured(desk: Desk) -> None:
    with pytest.raises(UnknownSourceError, match="akash"):
        desk.leases.source("vast")


def make_late(desk: Desk) -> None:
    """As if the orders of the ledger had been made an hour ago."""
    with desk.ledger._db.session() as session:
        session.execute(update(LeaseRow).values(created_at=time.time() - 3_600))
