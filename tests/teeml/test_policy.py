# SPDX-License-Identifier: Apache-2.0
"""Policies, and the files that a verdict is asked with."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.teeml.judging import AUTHORITY, MACHINE, QUOTE, judge
from verifiers.teeml.collateral import Collateral
from verifiers.teeml.errors import CollateralFileError, PolicyFileError, RootFileError
from verifiers.teeml.policy import Policy
from verifiers.teeml.quote import Quote
from verifiers.teeml.roots import INTEL, read_root
from verifiers.teeml.simulated import (
    Level,
    tcb_info,
)
from verifiers.teeml.simulated.authority import pem

LEVEL = Level(status="OutOfDate", advisories=("SA-1",))
ADVISED = MACHINE.collateral(tcb=tcb_info(MACHINE.issued, MACHINE.fmspc, levels=[LEVEL]))
POLICIES = {
    '{"statuses": ["OutOfDate"]}': "",
    "{}": "MN-TEE-040",
    '{"statuses": ["OutOfDate"], "denied_advisories": ["SA-1"]}': "MN-TEE-041",
    '{"statuses": ["OutOfDate"], "min_evaluation": 18}': "",
    '{"statuses": ["OutOfDate"], "min_evaluation": 19}': "MN-TEE-041",
    '{"statuses": ["OutOfDate"], "max_collateral_age": 3600}': "",
    '{"statuses": ["OutOfDate"], "max_collateral_age": 3599}': "MN-TEE-041",
    '{"statuses": ["OutOfDate"], "measurements": ["0x%s"]}' % ("00" * 32): "MN-TEE-041",
}


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_decides_what_is_accepted_never_what_the_status_is(policy: str) -> None:
    found = judge(QUOTE, ADVISED, policy=Policy.parse(policy))
    assert (found.status, found.advisories) == ("OutOfDate", ("SA-1",))
    assert found.reason.split(":")[0] == POLICIES[policy]
    assert found.accepted == (not found.reason)


def test_a_listed_measurement_is_accepted() -> None:
    quote = Quote.parse(QUOTE)
    for one in (quote.measurement, quote.runtime_measurement):
        policy = Policy.parse(json.dumps({"measurements": [f"0x{one.hex()}"]}))
        assert judge(QUOTE, MACHINE.collateral(), policy=policy).accepted


@pytest.mark.parametrize("text", ["", "[]", '{"status": []}', '{"statuses": ["Fine"]}'])
def test_a_policy_with_unknown_words_is_no_policy(text: str) -> None:
    with pytest.raises(PolicyFileError):
        Policy.parse(text)


@pytest.mark.parametrize("text", ["", "{}", '{"tcb_info": 1}', "\xff"])
def test_a_file_without_collateral_is_named(text: str) -> None:
    with pytest.raises(CollateralFileError):
        Collateral.parse(text)


def test_only_a_root_that_says_simulated_may_stand_in_for_intel() -> None:
    assert read_root(pem(AUTHORITY.root).encode()) == AUTHORITY.trust
    assert AUTHORITY.trust.simulated
    assert not INTEL.simulated
    for wrong in (
        b"",
        AUTHORITY.root.public_bytes(Encoding.DER),
        pem(AUTHORITY.platform_ca).encode(),
    ):
        with pytest.raises(RootFileError):
            read_root(wrong)
