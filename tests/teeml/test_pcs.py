# SPDX-License-Identifier: Apache-2.0
"""Collateral from the vendor's service: what comes is what was signed, to the character."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.teeml.judging import MACHINE, QUOTE, judge
from tests.teeml.service import Service, serving
from verifiers.teeml.errors import PcsError
from verifiers.teeml.pcs import Pcs, split_document
from verifiers.teeml.quote import Quote
from verifiers.teeml.simulated import Level, Platform, enclave_report, tcb_info

EARLY = tcb_info(
    MACHINE.issued,
    MACHINE.fmspc,
    levels=[Level((9,) * 16), Level(status="OutOfDate", advisories=("SA-9",))],
    evaluation=19,
)


@pytest.fixture
def service() -> Iterator[Service]:
    given = {"standard": MACHINE.collateral(), "early": MACHINE.collateral(tcb=EARLY)}
    with serving(given) as started:
        yield started


def asking(service: Service) -> Pcs:
    return Pcs(service.url, f"{service.url}/root.crl")


def test_what_the_service_gives_is_enough_and_unchanged(service: Service) -> None:
    found = asking(service).collateral(Quote.parse(QUOTE))
    assert found == MACHINE.collateral()
    assert judge(QUOTE, found).accepted


def test_early_data_shows_a_recovery_before_it_counts(service: Service) -> None:
    found = asking(service).collateral(Quote.parse(QUOTE), "early")
    assert judge(QUOTE, found).status == "OutOfDate"


def test_sgx_on_a_processor_asks_for_its_own(service: Service) -> None:
    machine = Platform(scalable=False)
    asking(service).collateral(Quote.parse(machine.quote(3, enclave_report())))
    paths = [path for path, _ in service.asked]
    queries = [query for _, query in service.asked]
    assert paths == [
        "/sgx/certification/v4/pckcrl",
        "/root.crl",
        "/sgx/certification/v4/tcb",
        "/sgx/certification/v4/qe/identity",
    ]
    assert queries[0]["ca"] == ["processor"]
    assert queries[2]["fmspc"] == [machine.fmspc.hex().upper()]


def test_a_service_that_does_not_answer_is_said(service: Service) -> None:
    with pytest.raises(PcsError, match="404"):
        Pcs(f"{service.url}/elsewhere", "").collateral(Quote.parse(QUOTE))
    with pytest.raises(PcsError):
        Pcs("http://127.0.0.1:1", "").collateral(Quote.parse(QUOTE))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"tcbInfo":{}}',
        b'{"signature":"00","tcbInfo":{}}',
        b'{"tcbInfo":{} ,"signature":"00" }',
    ],
)
def test_an_answer_of_another_shape_is_refused(body: bytes) -> None:
    with pytest.raises(PcsError):
        split_document(body, "tcbInfo")


def test_the_text_is_cut_out_as_it_was_signed() -> None:
    text = json.dumps({"b": 1, "a": [2, {"signature": "no"}]}, separators=(", ", ":"))
    body = f'{{"tcbInfo":{text},"signature":"00ff"}}'.encode()
    assert split_document(body, "tcbInfo") == (text, "00ff")
