# SPDX-License-Identifier: Apache-2.0
"""Every verdict of decide(), one fact changed at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from offchain_workers.chain.contracts import JobTerms
from offchain_workers.chain.contracts.terms import selector_of
from offchain_workers.models.demo import digits
from offchain_workers.operator.decide import (
    PREPARE_SECONDS,
    Facts,
    Rules,
    Served,
    decide,
    expected_profit,
    in_order,
)
from offchain_workers.operator.reasons import Reason, Skip, Take
from offchain_workers.operator.tables import JobRow, Status, SubnetRow
from offchain_workers.operator.watch import new_job
from tests.reasons import check_documented
from verifiers.none import NoneMethod

CARD = digits().card
MODEL = b"\x01" * 32
NONE = selector_of("none")
TOKEN = "0x" + "11" * 20
NOW = 1_000_000
PRICE = 10**15
FACTS = Facts(
    now=NOW,
    gas_price=10**9,
    keeper_tip=10**13,
    models={MODEL: Served(CARD, 500)},
    methods={NONE: NoneMethod()},
    fee_bps={NONE: 100},
    slots=1,
    breaker_open=False,
    rules=Rules(min_turn=10, deliver_margin=30, callback_gas_cap=500_000),
)


def terms(**changes: Any) -> JobTerms:
    fields: dict[str, Any] = {
        "requester": TOKEN,
        "model_id": MODEL,
        "selector": NONE,
        "subnet_id": bytes(32),
        "input_commitment": bytes(32),
        "max_price": PRICE,
        "deliver_by": NOW + 600,
        "resolve_by": NOW + 600,
        "turn_length": 60,
        "item_size": CARD.item_bytes_out,
    }
    return JobTerms(**(fields | changes))


def job(mine: int = 0, members: int = 3, owed: bool = False, **changes: Any) -> JobRow:
    """An open job, posted just now."""
    wanted = terms(**changes)
    pairs = [[index + 1, PRICE] for index in range(members)]
    subnet = SubnetRow(subnet_id=bytes(32), mine=mine, body={"members": pairs})
    row = new_job(bytes(32), wanted, b"", subnet, NOW)
    row.status, row.posted_at, row.first = Status.OPEN, NOW, wanted.primary
    row.pledge = 10**9 if owed else 0
    return row


def test_a_good_job_is_taken_at_once() -> None:
    assert decide(job(), FACTS) == Take(NOW)


def test_a_model_that_failed_a_methods_self_test_is_not_run_under_it() -> None:
    skip = Skip(Reason.SELF_TEST_FAILED, "node 3")
    barred = Served(CARD, 500, barred={NONE: skip})
    verdict = decide(job(), replace(FACTS, models={MODEL: barred}))
    assert verdict == skip


def test_terms_of_another_artifact_than_the_models_are_left_alone() -> None:
    verdict = decide(job(artifact_id=b"\x01" * 32), FACTS)
    assert isinstance(verdict, Skip)
    assert verdict.reason is Reason.TERMS_UNSERVABLE


@pytest.mark.parametrize(
    ("row", "facts", "reason"),
    [
        (job(model_id=bytes(32)), FACTS, Reason.MODEL_NOT_LOADED),
        (job(selector=b"\1\2\3\4"), FACTS, Reason.METHOD_NOT_SERVED),
        (job(artifact_id=MODEL), FACTS, Reason.TERMS_UNSERVABLE),
        (job(item_size=39), FACTS, Reason.TERMS_UNSERVABLE),
        (job(n=257), FACTS, Reason.TERMS_UNSERVABLE),
        (job(n=2, item_size=0), FACTS, Reason.TERMS_UNSERVABLE),
        (job(turn_length=9), FACTS, Reason.TURN_TOO_SHORT),
        (job(callback_gas=500_001), FACTS, Reason.CALLBACK_GAS),
        (job(max_price=1), replace(FACTS, keeper_tip=0), Reason.PRICE_TOO_LOW),
        (job(), replace(FACTS, gas_price=10**12), Reason.PRICE_TOO_LOW),
        (job(deliver_by=NOW + 29), FACTS, Reason.DEADLINE_NEAR),
        (job(mine=2, deliver_by=NOW + 110), FACTS, Reason.DEADLINE_NEAR),
        (job(), replace(FACTS, slots=0), Reason.CAPACITY_FULL),
        (job(), replace(FACTS, breaker_open=True), Reason.BREAKER_OPEN),
        (job(mine=1), FACTS, Reason.NOT_MY_TURN),
    ],
)
def test_each_reason_to_leave_a_job(row: JobRow, facts: Facts, reason: Reason) -> None:
    verdict = decide(row, facts)
    assert isinstance(verdict, Skip)
    assert verdict.reason is reason


def test_a_closed_job_is_left() -> None:
    row = job()
    row.status = Status.PAID
    assert decide(row, FACTS) == Skip(Reason.JOB_CLOSED)


def test_a_job_whose_turn_is_unknown_waits() -> None:
    row = job()
    row.first = None
    verdict = decide(row, FACTS)
    assert isinstance(verdict, Skip)
    assert verdict.reason is Reason.NOT_MY_TURN


@pytest.mark.parametrize(("mine", "primary", "turn"), [(1, 0, 1), (2, 0, 2), (0, 2, 1), (1, 2, 2)])
def test_a_backup_begins_a_little_before_its_turn(mine: int, primary: int, turn: int) -> None:
    row = job(mine=mine, primary=primary)
    begin = NOW + turn * 60 - PREPARE_SECONDS
    early = decide(row, replace(FACTS, now=begin - 1))
    assert isinstance(early, Skip)
    assert (early.reason, early.until) == (Reason.NOT_MY_TURN, begin)
    assert decide(row, replace(FACTS, now=begin)) == Take(NOW + turn * 60)


@pytest.mark.parametrize(
    "facts",
    [
        replace(FACTS, gas_price=10**12),
        replace(FACTS, breaker_open=True),
        replace(FACTS, now=NOW + 599),
    ],
)
def test_what_we_owe_is_done_at_any_price(facts: Facts) -> None:
    assert decide(job(owed=True), facts) == Take(NOW)


def test_what_we_owe_is_given_up_after_its_deadline_only() -> None:
    verdict = decide(job(owed=True), replace(FACTS, now=NOW + 601))
    assert isinstance(verdict, Skip)
    assert verdict.reason is Reason.DEADLINE_NEAR


def test_owed_jobs_come_first_by_deadline() -> None:
    soon, owed_late, owed_soon = (
        job(deliver_by=NOW + 100),
        job(owed=True, deliver_by=NOW + 900),
        job(owed=True, deliver_by=NOW + 800),
    )
    assert in_order([soon, owed_late, owed_soon]) == [owed_soon, owed_late, soon]


def test_profit_counts_fees_tip_gas_and_callback() -> None:
    profit = expected_profit(terms(callback_gas=100_000), PRICE, FACTS)
    gas = NoneMethod().delivery_gas(terms(), CARD.item_bytes_out) + 100_000
    assert profit == PRICE * 94 // 100 + 10**13 - gas * 10**9


def test_a_price_in_a_token_must_be_the_operators_own_and_is_not_weighed_against_gas() -> None:
    dear = replace(FACTS, gas_price=10**12)
    assert decide(job(token=TOKEN, max_price=PRICE), dear) == Take(NOW)
    cheap = decide(job(token=TOKEN, max_price=PRICE - 1), dear)
    assert isinstance(cheap, Skip)
    assert cheap.reason is Reason.PRICE_TOO_LOW


def test_reason_codes_are_documented_as_they_are() -> None:
    check_documented(Reason, "MN-WORKER", "Worker")
