# SPDX-License-Identifier: Apache-2.0
"""Quotes of every kind; bodies, headers and quoting enclaves that are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.teeml.judging import DATA, MACHINE, NOW, TD, judge, refusal
from verifiers.teeml.collateral import Collateral
from verifiers.teeml.quote import Quote
from verifiers.teeml.simulated import (
    Platform,
    QuotingEnclave,
    enclave_report,
    td_report,
)
from verifiers.teeml.verify import Verdict, appraise

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
KINDS: list[tuple[int, bytes]] = [
    (3, enclave_report(DATA)),
    (4, TD),
    (5, TD),
    (5, td_report(DATA, servicetd=bytes(48))),
]


@pytest.mark.parametrize("scalable", [True, False])
@pytest.mark.parametrize(("version", "body"), KINDS)
def test_each_kind_of_quote_is_accepted(version: int, body: bytes, scalable: bool) -> None:
    machine = Platform(scalable=scalable, label=f"{version}/{scalable}")
    given = machine.collateral(tdx=version > 3)
    assert judge(machine.quote(version, body), given) == Verdict(True, "UpToDate", (), "")


def test_an_appraisal_says_what_was_quoted_and_for_how_long_it_holds() -> None:
    given = MACHINE.collateral(crl_window=(MACHINE.issued, NOW + 60))
    quote = MACHINE.quote(4, TD)
    collateral = Collateral.parse(json.dumps(given))
    found = appraise(quote, collateral, NOW, MACHINE.authority.trust)
    assert found.quote.report.report_data == DATA
    assert (found.pck.ppid, found.pck.fmspc) == (MACHINE.ppid, MACHINE.fmspc)
    assert found.until == NOW + 59


def test_measurements_cover_what_was_measured_and_rtmr3_apart() -> None:
    def of(**fields: Any) -> Quote:
        return Quote.parse(MACHINE.quote(4, td_report(**fields)))

    one, other = of(), of(rtmrs=(bytes([0x20]) * 48,) * 3 + (bytes([9]) * 48,))
    assert one.measurement == other.measurement
    assert one.runtime_measurement != other.runtime_measurement
    assert one.measurement != of(mrtd=bytes(48)).measurement
    assert one.measurement == of(report_data=DATA).measurement


def test_transport_may_be_padded() -> None:
    assert judge(MACHINE.quote(4, TD) + bytes(3_000), MACHINE.collateral()).accepted


def test_the_twin_of_a_signature_is_the_same_quote() -> None:
    quote = MACHINE.quote(4, TD)
    at = len(Quote.parse(quote).signed) + 4 + 32
    s = int.from_bytes(quote[at : at + 32], "big")
    twin = quote[:at] + (ORDER - s).to_bytes(32, "big") + quote[at + 32 :]
    assert twin != quote
    assert judge(twin, MACHINE.collateral()).accepted
    assert Quote.parse(twin).signed == Quote.parse(quote).signed


# --- header and body --------------------------------------------------------------------------

SERVICE_TD = td_report(servicetd=bytes([1]) * 48)
BODIES = {
    "debug": (4, td_report(attributes=bytes.fromhex("0100001000000000")), "MN-TEE-035"),
    "no SEPT_VE_DISABLE": (4, td_report(attributes=bytes(8)), "MN-TEE-035"),
    "reserved attribute": (
        4,
        td_report(attributes=bytes.fromhex("0000003000000000")),
        "MN-TEE-035",
    ),
    "other attribute": (4, td_report(attributes=bytes.fromhex("0000001001000000")), "MN-TEE-035"),
    "service TD": (5, SERVICE_TD, "MN-TEE-036"),
    "SEAM signer": (4, td_report(mrsignerseam=bytes([1]) * 48), "MN-TEE-037"),
    "SEAM attributes": (4, td_report(seamattributes=bytes([1]) + bytes(7)), "MN-TEE-037"),
    "unknown module": (4, td_report(tee_tcb_svn=bytes([5, 9, 2]) + bytes(13)), "MN-TEE-037"),
    "module too old": (4, td_report(tee_tcb_svn=bytes([1, 1, 2]) + bytes(13)), "MN-TEE-034"),
    "TDX microcode too old": (4, td_report(tee_tcb_svn=bytes([5, 1, 0]) + bytes(13)), "MN-TEE-034"),
    "SGX debug": (3, enclave_report(attributes=bytes([7]) + bytes(15)), "MN-TEE-035"),
    "SGX provisioning": (3, enclave_report(attributes=bytes([0x15]) + bytes(15)), "MN-TEE-035"),
    "SGX launch": (3, enclave_report(attributes=bytes([0x25]) + bytes(15)), "MN-TEE-035"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_gives_secrets_away_is_refused(name: str) -> None:
    version, body, code = BODIES[name]
    assert refusal(MACHINE.quote(version, body), MACHINE.collateral(tdx=version > 3)) == code


HEADERS: dict[str, bytes] = {
    "version 2": MACHINE.quote(2, TD),
    "version 6": MACHINE.quote(6, TD),
    "vendor": MACHINE.quote(4, TD, vendor=bytes(16)),
    "key type": MACHINE.quote(4, TD, key_type=3),
    "SGX in version 4": MACHINE.quote(4, TD, tee_type=0),
    "TDX in version 3": MACHINE.quote(3, enclave_report(), tee_type=0x81),
    "1.5 body of type 2": MACHINE.quote(5, SERVICE_TD, body_type=2),
    "1.0 body of type 3": MACHINE.quote(5, TD, body_type=3),
    "body type 4": MACHINE.quote(5, TD, body_type=4),
    "SGX body in version 5": MACHINE.quote(5, enclave_report()),
    "certification type 1": MACHINE.quote(4, TD, certification=1),
    "QE authentication data": replace(MACHINE, qe=QuotingEnclave(auth=bytes(31))).quote(4, TD),
}


@pytest.mark.parametrize("name", HEADERS)
def test_other_kinds_of_quotes_are_refused(name: str) -> None:
    assert refusal(HEADERS[name], MACHINE.collateral()) == "MN-TEE-002"


def test_a_body_under_another_versions_header_is_refused() -> None:
    quote = MACHINE.quote(5, TD)
    moved = quote[:48] + quote[54:]
    assert refusal(b"\x04" + moved[1:], MACHINE.collateral()) == "MN-TEE-030"


# --- quoting enclave --------------------------------------------------------------------------

QES = {
    "signer": (QuotingEnclave(mrsigner=bytes(32)), "MN-TEE-033"),
    "product": (QuotingEnclave(isvprodid=1), "MN-TEE-033"),
    "debug": (QuotingEnclave(attributes=bytes([0x13]) + bytes(15)), "MN-TEE-033"),
    "attributes": (QuotingEnclave(attributes=bytes([0x31]) + bytes(15)), "MN-TEE-033"),
    "miscselect": (QuotingEnclave(miscselect=bytes([1, 0, 0, 0])), "MN-TEE-033"),
    "version": (QuotingEnclave(isvsvn=3), "MN-TEE-034"),
    "binding": (QuotingEnclave(report_data=bytes(64)), "MN-TEE-032"),
}


@pytest.mark.parametrize("name", QES)
def test_a_foreign_quoting_enclave_is_refused(name: str) -> None:
    qe, code = QES[name]
    assert refusal(replace(MACHINE, qe=qe).quote(4, TD), MACHINE.collateral()) == code


def test_the_second_half_of_the_binding_must_be_zero() -> None:
    report = Quote.parse(MACHINE.quote(4, TD)).qe_report.report_data
    qe = QuotingEnclave(report_data=report[:32] + bytes([1]) + bytes(31))
    assert refusal(replace(MACHINE, qe=qe).quote(4, TD), MACHINE.collateral()) == "MN-TEE-032"


def test_another_platforms_key_can_t_sign() -> None:
    other = Platform(label="other")
    quote = other.quote(4, TD, pck=MACHINE.pck)
    assert refusal(quote, MACHINE.collateral()) == "MN-TEE-031"
