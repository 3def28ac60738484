# SPDX-License-Identifier: Apache-2.0
"""A worker whose models run on another server: the same job, method and receipt."""

from __future__ import annotations

from dataclasses import replace

from offchain_workers.manifest import Place, verify_manifest
from tests.engines.quirky import quirky, tell
from tests.operator.test_worker import label
from tests.operator.world import DIGITS, PIXELS, Market, inline, until
from tests.serving.world import served, serving


def on(market: Market, *urls: str, **options: object) -> Market:
    """The same market, its workers with engine ``oip``."""
    return replace(market, engine={"kind": "oip", "oip": {"urls": urls, **options}})


def test_jobs_are_answered_by_a_server(market: Market) -> None:
    items = [pixels for _, pixels, _ in DIGITS.samples[:5]]
    with serving([served(DIGITS)]) as url:
        market = on(market, url)
        with market.worker(market.operators[0]) as running:
            terms = market.terms(items)
            promise = running.promise(terms, inline(*items))
            job_id = market.post(terms, inline(*items), promise)
            until(lambda: market.paid(job_id))
            manifest = running.get("/manifest").content
    [event] = market.delivered(job_id)
    size = DIGITS.card.item_bytes_out
    answers = [event["output"][at : at + size] for at in range(0, 5 * size, size)]
    assert [label(answer) for answer in answers] == [kind for _, _, kind in DIGITS.samples[:5]]
    place = Place(market.chain.chain_id, market.network.subnets.address)
    hardware = verify_manifest(manifest, place)["hardware"]
    assert (hardware["provider"], hardware["providers"]) == ("oip", ["model-network 1"])


def test_a_server_that_lacks_the_model_is_no_reason_to_stop(market: Market) -> None:
    """Nor to accept jobs about it."""
    with quirky(lambda asked: tell({"error": "not found"}, 404)) as one:
        market = on(market, one.url)
        with market.worker(market.operators[0]) as running:
            assert running.get("/health").json()["models"] == []
            assert running.accept(market.terms(), inline(PIXELS)).status_code == 422


def test_a_job_survives_the_death_of_its_server(market: Market) -> None:
    """The server goes between acceptance and run; a second one answers."""
    with serving([served(DIGITS)]) as backup:
        with serving([served(DIGITS)]) as first:
            market = on(market, first, backup)
            worker = market.worker(market.operators[0])
            running = worker.__enter__()
            terms = market.terms()
            promise = running.promise(terms, inline(PIXELS))
        try:
            job_id = market.post(terms, inline(PIXELS), promise)
            until(lambda: market.paid(job_id))
        finally:
            worker.__exit__(None, None, None)
    assert label(market.delivered(job_id)[0]["output"]) == DIGITS.samples[0][2]
