# SPDX-License-Identifier: Apache-2.0
"""Our verdicts beside those of dcap-qvl. Where they differ, ours is Intel's own, or the strict one.

dcap-qvl joins the statuses of platform, module and quoting enclave by taking the worst; Intel's
library makes OutOfDateConfigurationNeeded of OutOfDate and Configuration*, as ours does. It takes
a revocation list that begins to hold tomorrow, ours refuses it.
"""

from __future__ import annotations

import json
from collections import Counter

import dcap_qvl
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.teeml.cases import AUTHORITY, Case, case
from verifiers.teeml.collateral import Collateral
from verifiers.teeml.verify import REFUSED, verify

ROOT = AUTHORITY.root.public_bytes(Encoding.DER)
QUICK, LONG = 400, 6_000
Outcome = tuple[str, frozenset[str]]
NONE: frozenset[str] = frozenset()


def ours(given: Case) -> Outcome:
    collateral = Collateral.parse(json.dumps(given.collateral))
    found = verify(given.quote, collateral, given.at, root=AUTHORITY.trust)
    # dcap-qvl has no word for a platform that was revoked: it refuses.
    refused = found.status in (REFUSED, "Revoked")
    return (REFUSED, NONE) if refused else (found.status, frozenset(found.advisories))


def theirs(given: Case) -> Outcome:
    collateral = dcap_qvl.QuoteCollateralV3.from_json(json.dumps(given.collateral))
    try:
        found = dcap_qvl.verify_with_root_ca(given.quote, collateral, ROOT, given.at)
    except ValueError:
        return REFUSED, NONE
    return found.status, frozenset(found.advisory_ids)


def differences(numbers: range) -> tuple[list[tuple[int, Outcome, Outcome]], Counter[str]]:
    """Cases that are judged otherwise, and how often each status came up."""
    found, counted = [], Counter[str]()
    for number in numbers:
        given = case(number)
        mine, other = ours(given), theirs(given)
        counted[mine[0]] += 1
        if mine != other and not (stricter(given, mine) or converged(mine, other)):
            found.append((number, mine, other))
    return found, counted


def converged(mine: Outcome, other: Outcome) -> bool:
    both = ("OutOfDateConfigurationNeeded", "OutOfDate")
    return (mine[0], other[0]) == both and mine[1] == other[1]


def stricter(given: Case, mine: Outcome) -> bool:
    crl = x509.load_der_x509_crl(bytes.fromhex(given.collateral["pck_crl"]))
    return mine[0] == REFUSED and given.at < crl.last_update_utc.timestamp()


def test_verdicts_agree_with_dcap_qvl() -> None:
    found, counted = differences(range(QUICK))
    assert found == []
    assert len(counted) == 7
    assert min(counted.values()) >= 5


@pytest.mark.slow
def test_verdicts_agree_with_dcap_qvl_at_length() -> None:
    found, counted = differences(range(QUICK, QUICK + LONG))
    assert found == []
    assert len(counted) == 7
