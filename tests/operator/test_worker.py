# SPDX-License-Identifier: Apache-2.0
"""The whole daemon on a development chain: jobs in, answers and money out."""

from __future__ import annotations

from offchain_workers.codecs import get_codec
from tests.operator.world import DIGITS, PIXELS, PRICE, Market, inline, until


def test_an_accepted_job_is_answered_and_paid(market: Market) -> None:
    primary = market.operators[0]
    with market.worker(primary) as running:
        terms = market.terms()
        promise = running.promise(terms, inline(PIXELS))
        job_id = market.post(terms, inline(PIXELS), promise)
        until(lambda: market.paid(job_id))
    [event] = market.delivered(job_id)
    assert event["operator"] == primary.address
    answer = get_codec(DIGITS.card.codec).decode(DIGITS.card, event["output"])
    assert answer["label"] == DIGITS.samples[0][2]
    earned = market.network.marketplace.balance(primary.address)
    assert earned == PRICE * 94 // 100 + market.network.marketplace.keeper_tip
