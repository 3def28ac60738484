# SPDX-License-Identifier: Apache-2.0
"""POST /accept over real HTTP: what is promised, what is refused, and that no flood overcommits."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from eth_account import Account

from offchain_workers.chain.contracts import Acceptance
from offchain_workers.chain.contracts.base import NATIVE
from offchain_workers.chain.contracts.terms import accepted_by
from offchain_workers.storage import content_id
from offchain_workers.storage.reference import encode_inline, encode_reference
from tests.operator.world import ETHER, PIXELS, PRICE, Market, Running, inline, refusal, until

OTHER = bytes(64)
TOKEN = "0x" + "11" * 20


@pytest.fixture
def running(market: Market) -> Iterator[Running]:
    with market.worker(market.operators[0]) as worker:
        yield worker


def test_a_promise_is_signed_for_half_of_the_price(market: Market, running: Running) -> None:
    terms = market.terms()
    promise = running.promise(terms, inline(PIXELS))
    signer = accepted_by(promise, market.network.marketplace.domain, market.job_id(terms))
    assert signer == market.operators[0].address
    assert promise.pledge == PRICE // 2
    assert market.now() < promise.until


def test_the_same_job_asked_twice_gets_the_same_signature(market: Market, running: Running) -> None:
    terms = market.terms()
    first = running.promise(terms, inline(PIXELS))
    assert running.promise(terms, inline(PIXELS)) == first


def test_a_stale_promise_is_given_anew(market: Market, running: Running) -> None:
    terms = market.terms()
    first = running.promise(terms, inline(PIXELS))
    market.chain.increase_time(30)
    until(lambda: running.promise(terms, inline(PIXELS)).until > first.until)


def test_bad_inputs_do_not_open_the_breaker(market: Market, running: Running) -> None:
    for _ in range(8):
        assert refusal(running.accept(market.terms(), encode_inline(OTHER))) == "MN-WORKER-115"
    assert running.accept(market.terms(), inline(PIXELS)).status_code == 200


def test_an_input_by_content_id_is_taken_from_the_workers_own_store(
    market: Market, running: Running
) -> None:
    cid = content_id(PIXELS)
    put = httpx.put(f"{running.worker.url}/blobs/{cid}", content=PIXELS, trust_env=False)
    assert put.status_code == 201
    assert running.accept(market.terms(), encode_reference(cid)).status_code == 200


def test_a_source_that_serves_other_bytes_is_found_out(market: Market, running: Running) -> None:
    """The other operator's worker has a damaged copy of the input."""
    cid = content_id(PIXELS)
    with market.worker(market.operators[1]) as other:
        store = market.folder / market.operators[1].address / "blobs"
        httpx.put(f"{other.worker.url}/blobs/{cid}", content=PIXELS, trust_env=False)
        (store / cid[2:4] / cid[2:]).write_bytes(OTHER)
        data = encode_reference(cid, other.worker.url)
        assert refusal(running.accept(market.terms(), data)) == "MN-WORKER-112"


def test_a_flood_signs_no_more_than_the_free_stake(market: Market) -> None:
    """One ether of stake carries nine pledges of 0.11 ether, however many ask at once."""
    limits = {"max_in_flight": 30, "max_promises": 200, "accept_pledge_wei": 11 * ETHER // 100}
    with market.worker(market.operators[0], **limits) as running:
        wanted = [market.terms(token=TOKEN) for _ in range(20)]
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda terms: running.accept(terms, inline(PIXELS)), wanted))
    codes = [refusal(answer) for answer in answers if answer.status_code != 200]
    assert codes == ["MN-WORKER-118"] * 11


def test_a_flood_signs_no_more_than_the_promises_allowed(market: Market) -> None:
    limits = {"max_promises": 3, "max_in_flight": 30}
    with (
        market.worker(market.operators[0], **limits) as running,
        ThreadPoolExecutor(10) as pool,
    ):
        asked = [market.terms(requester=Account.create().address) for _ in range(10)]
        answers = list(pool.map(lambda terms: running.accept(terms, inline(PIXELS)), asked))
    codes = [refusal(answer) for answer in answers if answer.status_code != 200]
    assert codes == ["MN-WORKER-116"] * 7


def test_one_requester_does_not_get_all_promises(market: Market) -> None:
    with market.worker(market.operators[0], max_promises=8, max_in_flight=30) as running:
        answers = [running.accept(market.terms(), inline(PIXELS)) for _ in range(3)]
        stranger = market.terms(requester=Account.create().address)
        assert running.accept(stranger, inline(PIXELS)).status_code == 200
    assert [answer.status_code == 200 for answer in answers] == [True, True, False]
    assert refusal(answers[2]) == "MN-WORKER-116"


def test_the_requesters_highest_price_does_not_raise_the_pledge(
    market: Market, running: Running
) -> None:
    """What is above our price comes back to the requester: a pledge on it would cost it nothing."""
    terms = market.terms(max_price=20 * ETHER)
    assert running.promise(terms, inline(PIXELS)).pledge == PRICE // 2


def test_a_promise_ends_while_a_full_turn_is_left(market: Market) -> None:
    with market.worker(market.operators[0], accept_seconds=600) as running:
        now = market.now()
        terms = market.terms(deliver_by=now + 100, resolve_by=now + 100, turn_length=40)
        assert running.promise(terms, inline(PIXELS)).until <= now + 60
        short = market.terms(deliver_by=now + 35, resolve_by=now + 35, turn_length=40)
        assert refusal(running.accept(short, inline(PIXELS))) == "MN-WORKER-109"


def test_a_token_job_below_our_price_is_refused(market: Market, running: Running) -> None:
    terms = market.terms(token=TOKEN, max_price=0)
    assert refusal(running.accept(terms, inline(PIXELS))) == "MN-WORKER-108"


def test_promises_survive_a_restart(market: Market) -> None:
    primary, terms = market.operators[0], market.terms()
    with market.worker(primary, accept_seconds=600, max_promises=1) as running:
        promise = running.promise(terms, inline(PIXELS))
    with market.worker(primary, accept_seconds=600, max_promises=1) as running:
        assert running.promise(terms, inline(PIXELS)) == promise
        assert refusal(running.accept(market.terms(), inline(PIXELS))) == "MN-WORKER-116"


def test_a_posted_job_is_not_promised_again(market: Market, running: Running) -> None:
    terms = market.terms()
    job_id = market.post(terms, inline(PIXELS), running.promise(terms, inline(PIXELS)))
    until(lambda: market.paid(job_id))
    until(lambda: running.accept(terms, inline(PIXELS)).status_code != 200)
    assert refusal(running.accept(terms, inline(PIXELS))) == "MN-WORKER-120"


def test_a_promised_job_is_answered_though_its_post_names_an_input_that_nobody_serves(
    market: Market, running: Running
) -> None:
    terms = market.terms()
    promise = running.promise(terms, inline(PIXELS))
    job_id = market.post(terms, encode_reference("0x" + "01" * 32), promise)
    until(lambda: market.paid(job_id))


def test_prices_in_a_token_are_pledged_for_with_a_flat_amount(market: Market) -> None:
    with market.worker(market.operators[0], accept_pledge_wei=7 * 10**12) as running:
        terms = market.terms(token=TOKEN)
        promise = Acceptance.from_json(running.accept(terms, inline(PIXELS)).json())
    assert terms.token != NATIVE
    assert promise.pledge == 7 * 10**12
