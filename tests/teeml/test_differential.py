# SPDX-License-Identifier: Apache-2.0
"""Our verdicts beside those of dcap-qvl. Where they differ, ours is the strict one.

The differences are those of docs/teeml-quotes.md, each shown here by a case of its own.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import dcap_qvl
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.teeml.cases import AUTHORITY, Case, case
from verifiers.teeml.collateral import Collateral
from verifiers.teeml.quote import Quote
from verifiers.teeml.roots import PLATFORM_CA, TCB_SIGNING
from verifiers.teeml.simulated import (
    Platform,
    QuotingEnclave,
    enclave_report,
    td_report,
)
from verifiers.teeml.simulated.der import SGX_EXTENSION
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
        if mine != other and not stricter(given, mine):
            found.append((number, mine, other))
    return found, counted


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


# --- each difference --------------------------------------------------------------------------

MACHINE = Platform(AUTHORITY, label="differences")
AT = MACHINE.issued + 3_600
LATER = (AT + 1, AT + 3_600)
PROVISIONING = enclave_report(attributes=bytes([0x15]) + bytes(15))


def unbound() -> bytes:
    """A quote with a bit in the half of the quoting enclave's report data that should be zero."""
    report = Quote.parse(MACHINE.quote(4, td_report())).qe_report.report_data
    qe = QuotingEnclave(report_data=report[:-1] + bytes([1]))
    return replace(MACHINE, qe=qe).quote(4, td_report())


def renamed() -> bytes:
    """A quote whose leaf is called a TCB signer."""
    key = AUTHORITY.key("differences/pck")
    extension = MACHINE.pck.extensions.get_extension_for_oid(SGX_EXTENSION).value.public_bytes()
    leaf = AUTHORITY.issue(TCB_SIGNING, PLATFORM_CA, key=key, sgx=extension)
    return MACHINE.quote(4, td_report(), pck=leaf)


DIFFERENCES: dict[str, tuple[bytes, dict[str, str], str, str]] = {
    "list of tomorrow": (
        MACHINE.quote(4, td_report()),
        MACHINE.collateral(crl_window=LATER),
        REFUSED,
        "UpToDate",
    ),
    "binding's second half": (unbound(), MACHINE.collateral(), REFUSED, "UpToDate"),
    "provisioning key": (
        MACHINE.quote(3, PROVISIONING),
        MACHINE.collateral(tdx=False),
        REFUSED,
        "UpToDate",
    ),
    "name of another role": (renamed(), MACHINE.collateral(), REFUSED, "UpToDate"),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_each_difference_is_as_documented(name: str) -> None:
    quote, collateral, mine, other = DIFFERENCES[name]
    given = Case(quote, collateral, AT, True)
    assert (ours(given)[0], theirs(given)[0]) == (mine, other)
