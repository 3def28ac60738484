# SPDX-License-Identifier: Apache-2.0
"""Whom a balancer has asked first, and what a refusal says about a worker."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from offchain_workers.balancing import Balancer, Outcome
from offchain_workers.chain.contracts import Domain, JobTerms
from offchain_workers.requester.errors import AcceptanceRefusedError, RequesterError
from offchain_workers.requester.primary import ByBalance, ByHealth, outcome_of_asking
from offchain_workers.requester.workers import Member, talking
from tests.requester.members import listening

DOMAIN = Domain(31337, "0x" + "11" * 20)
OPERATORS = ["0x" + f"{i:02x}" * 20 for i in (1, 2, 3)]
TERMS = JobTerms(
    requester=OPERATORS[0],
    model_id=bytes(32),
    selector=bytes(4),
    subnet_id=bytes(32),
    input_commitment=bytes(32),
    max_price=100,
    deliver_by=1_000,
    resolve_by=1_000,
    turn_length=60,
    item_size=0,
)
MEMBERS = [Member(i, operator, 100, "") for i, operator in enumerate(OPERATORS)]


class Worker(BaseHTTPRequestHandler):
    """Answers as its path says: /STATUS or /garbage."""

    def do_POST(self) -> None:
        name = self.path.split("/")[1]
        status = int(name) if name.isdecimal() else 200
        body = b"[]" if name == "garbage" else b'{"error": {"code": "C", "message": "m"}}'
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with listening(Worker) as at:
        yield at


@pytest.mark.parametrize(
    ("path", "outcome"),
    [
        ("/422", Outcome.BAD_INPUT),
        ("/400", Outcome.BAD_INPUT),
        ("/503", Outcome.UNAVAILABLE),
        ("/429", Outcome.UNAVAILABLE),
        ("/garbage", Outcome.UNAVAILABLE),
        ("/forged", Outcome.UNAVAILABLE),
    ],
)
def test_what_a_refusal_says(url: str, path: str, outcome: Outcome) -> None:
    assert asked(url + path) is outcome


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:9", "nonsense"])
def test_who_can_not_be_reached(endpoint: str) -> None:
    assert asked(endpoint) is Outcome.CONNECT


@pytest.mark.parametrize("endpoint", ["http://xn--a", "http://a..b", "http://[", "http://h/\0"])
def test_what_is_no_endpoint_counts_against_its_operator(endpoint: str) -> None:
    assert asked(endpoint) in {Outcome.CONNECT, Outcome.UNAVAILABLE}


def asked(endpoint: str) -> Outcome:
    member = Member(0, OPERATORS[0], 100, endpoint)
    with talking(member) as worker, pytest.raises(RequesterError) as told:
        worker.ask(TERMS, b"", DOMAIN)
    return outcome_of_asking(told.value)


def test_members_are_asked_in_the_balancers_order_each_once() -> None:
    balancer = Balancer(OPERATORS)
    balancer.pick(exclude=OPERATORS[1:])  # one that is busy goes last
    choice = ByBalance(balancer)
    asked = []
    for member in choice.order(MEMBERS):
        asked.append(member.operator)
        choice.refused(AcceptanceRefusedError("no"))
    assert asked == [OPERATORS[1], OPERATORS[2], OPERATORS[0]]
    assert choice.lease is None
    assert sum(view.outstanding for view in balancer.view()) == 1


def test_the_one_that_is_taken_keeps_its_lease() -> None:
    balancer = Balancer(OPERATORS)
    choice = ByBalance(balancer)
    first = next(choice.order(MEMBERS))
    assert choice.lease is not None
    assert choice.lease.target == first.operator
    assert sum(view.outstanding for view in balancer.view()) == 1


def test_targets_that_are_no_members_are_passed_over() -> None:
    balancer = Balancer(["0x" + "99" * 20, OPERATORS[2]])
    choice = ByBalance(balancer)
    assert [member.operator for member in choice.order(MEMBERS)] == [OPERATORS[2]]


def test_without_a_balancer_who_is_not_there_is_not_asked() -> None:
    assert list(ByHealth().order(MEMBERS)) == []
