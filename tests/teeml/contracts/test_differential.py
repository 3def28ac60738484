# SPDX-License-Identifier: Apache-2.0
"""Contracts and Python agree on generated platforms, TCB levels, dates and identities."""

from __future__ import annotations

import json
from functools import cache

import pytest

from tests.teeml.cases import AUTHORITY, Case, case
from tests.teeml.contracts.machine import RevertedError
from tests.teeml.contracts.verifying import Chain
from verifiers.teeml.collateral import Collateral, Status
from verifiers.teeml.errors import TeeError
from verifiers.teeml.onchain import root_words
from verifiers.teeml.policy import Policy
from verifiers.teeml.verify import REFUSED, verify

FEW, MANY = 300, 2_000
LENIENT = Policy(statuses=frozenset(Status) - {Status.REVOKED})


@cache
def simulated() -> Chain:
    return Chain.start(root_words(AUTHORITY.trust, AUTHORITY.until))


def by_contracts(one: Case) -> str:
    """The status, or REFUSED."""
    try:
        given = Collateral.parse(json.dumps(one.collateral))
        return simulated().status(one.quote, given, one.at)
    except (RevertedError, TeeError):
        return REFUSED


def by_python(one: Case) -> str:
    given = Collateral.parse(json.dumps(one.collateral))
    found = verify(one.quote, given, one.at, LENIENT, AUTHORITY.trust)
    return found.status if found.accepted else REFUSED


def differences(seeds: range) -> list[tuple[int, str, str]]:
    found = []
    for seed in seeds:
        one = case(seed)
        ours, theirs = by_contracts(one), by_python(one)
        if ours != theirs:
            found.append((seed, ours, theirs))
    return found


def test_contracts_and_python_agree() -> None:
    assert differences(range(FEW)) == []


@pytest.mark.slow
def test_contracts_and_python_agree_at_length() -> None:
    assert differences(range(FEW, FEW + MANY)) == []


def test_the_cases_are_of_every_kind() -> None:
    """Accepted and refused, of SGX and of TDX: agreement on nothing would prove nothing."""
    verdicts = [(one.tdx, by_contracts(one)) for one in map(case, range(80))]
    assert {tdx for tdx, _ in verdicts} == {True, False}
    assert len({status for _, status in verdicts}) >= 5
