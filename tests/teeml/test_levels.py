# SPDX-License-Identifier: Apache-2.0
"""Signed collateral that does not fit, and which level a platform is on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import dcap_qvl
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.teeml.judging import AUTHORITY, MACHINE, NOW, QUOTE, Given, judge, refusal
from verifiers.teeml.collateral import Status
from verifiers.teeml.errors import PolicyFileError
from verifiers.teeml.policy import Policy
from verifiers.teeml.roots import ROOT_CA, TCB_SIGNING
from verifiers.teeml.simulated import (
    Component,
    Level,
    Module,
    Platform,
    QuotingEnclave,
    qe_identity,
    tcb_info,
    td_report,
)
from verifiers.teeml.simulated.authority import pem, sign


def resigned(field: str, text: str) -> Given:
    """Collateral with that text, well signed."""
    signature = sign(AUTHORITY.key(TCB_SIGNING), text.encode()).hex()
    return MACHINE.collateral() | {field: text, f"{field}_signature": signature}


def edited(field: str, **changes: Any) -> Given:
    document = json.loads(MACHINE.collateral()[field]) | changes
    return resigned(field, json.dumps(document, separators=(",", ":")))


@pytest.mark.parametrize("field", ["tcb_info", "qe_identity"])
def test_collateral_holds_to_the_second(field: str) -> None:
    windows = {"issued": NOW - 100, "until": NOW}
    make = {
        "tcb_info": lambda: tcb_info(fmspc=MACHINE.fmspc, **windows),
        "qe_identity": lambda: qe_identity(**windows),
    }
    given = resigned(field, make[field]())
    assert [judge(QUOTE, given, at).accepted for at in (NOW - 100, NOW)] == [True, True]
    assert [refusal(QUOTE, given, at) for at in (NOW - 101, NOW + 1)] == ["MN-TEE-022"] * 2


@pytest.mark.parametrize("field", ["tcb_info", "qe_identity"])
def test_collateral_signed_by_others_is_refused(field: str) -> None:
    given = MACHINE.collateral()
    swapped = given | {f"{field}_signature": sign(AUTHORITY.key(ROOT_CA), b"").hex()}
    assert refusal(QUOTE, swapped) == "MN-TEE-021"
    by_ca = pem(AUTHORITY.platform_ca, AUTHORITY.root)
    assert refusal(QUOTE, given | {f"{field}_issuer_chain": by_ca}) == "MN-TEE-010"


MISFITS = {
    "other FMSPC": ("tcb_info", {"fmspc": "000000000000"}, "MN-TEE-023"),
    "other PCE": ("tcb_info", {"pceId": "0001"}, "MN-TEE-023"),
    "SGX for TDX": ("tcb_info", {"id": "SGX"}, "MN-TEE-023"),
    "QE for TD_QE": ("qe_identity", {"id": "QE"}, "MN-TEE-023"),
    "version 2": ("tcb_info", {"version": 2}, "MN-TEE-020"),
    "TCB type 1": ("tcb_info", {"tcbType": 1}, "MN-TEE-020"),
    "SVNs of another type": ("tcb_info", {"tcbEvaluationDataNumber": "18"}, "MN-TEE-020"),
    "date of another form": ("tcb_info", {"issueDate": "2025-06-01"}, "MN-TEE-020"),
    "identity of version 1": ("qe_identity", {"version": 1}, "MN-TEE-020"),
    "short mask": ("qe_identity", {"attributesMask": "FF"}, "MN-TEE-020"),
    "no levels": ("tcb_info", {"tcbLevels": []}, "MN-TEE-034"),
    "no module identities": ("tcb_info", {"tdxModuleIdentities": []}, "MN-TEE-037"),
    "no QE levels": ("qe_identity", {"tcbLevels": []}, "MN-TEE-034"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_collateral_that_does_not_fit_is_refused(name: str) -> None:
    field, changes, code = MISFITS[name]
    assert refusal(QUOTE, edited(field, **changes)) == code


def test_text_that_is_no_json_is_refused_even_signed() -> None:
    assert refusal(QUOTE, resigned("tcb_info", "{}{}")) == "MN-TEE-020"


# --- levels -----------------------------------------------------------------------------------


def status_of(machine: Platform, quote: bytes, **collateral: Any) -> tuple[str, tuple[str, ...]]:
    found = judge(quote, machine.collateral(**collateral))
    return found.status, found.advisories


def with_levels(*levels: Level, **options: Any) -> str:
    return tcb_info(MACHINE.issued, MACHINE.fmspc, levels=levels, **options)


@pytest.mark.parametrize("status", [status for status in Status if status != Status.REVOKED])
def test_the_first_level_that_is_reached_counts(status: Status) -> None:
    levels = (Level((4,) * 16), Level(status=status, advisories=("B", "A")), Level((1,) * 16))
    assert status_of(MACHINE, QUOTE, tcb=with_levels(*levels)) == (status, ("A", "B"))


@pytest.mark.parametrize("at", range(16))
def test_one_component_below_is_below(at: int) -> None:
    svns = tuple(4 if i == at else 3 for i in range(16))
    assert refusal(QUOTE, MACHINE.collateral(tcb=with_levels(Level(svns)))) == "MN-TEE-034"


def test_the_pce_counts_too() -> None:
    assert refusal(QUOTE, MACHINE.collateral(tcb=with_levels(Level(pcesvn=12)))) == "MN-TEE-034"


def test_levels_count_from_the_highest_in_whatever_order_they_come() -> None:
    low, high = Level((1,) * 16, 1, (0,) * 16, "OutOfDate"), Level()
    assert status_of(MACHINE, QUOTE, tcb=with_levels(low, high)) == ("UpToDate", ())


def test_a_versioned_module_is_judged_by_its_identity_alone() -> None:
    level = Level(tdx=(9, 9, 2) + (0,) * 13)
    given = {"tcb": with_levels(level)}
    assert status_of(MACHINE, QUOTE, **given) == ("UpToDate", ())
    unversioned = MACHINE.quote(4, td_report(tee_tcb_svn=bytes([5, 0, 2]) + bytes(13)))
    assert refusal(unversioned, MACHINE.collateral(**given)) == "MN-TEE-034"
    enough = MACHINE.quote(4, td_report(tee_tcb_svn=bytes([5, 0, 2]) + bytes(13)))
    assert status_of(MACHINE, enough) == ("UpToDate", ())


CONVERGED = {
    "UpToDate": "OutOfDate",
    "SWHardeningNeeded": "OutOfDate",
    "ConfigurationNeeded": "OutOfDateConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded": "OutOfDateConfigurationNeeded",
    "OutOfDate": "OutOfDate",
    "OutOfDateConfigurationNeeded": "OutOfDateConfigurationNeeded",
}


@pytest.mark.parametrize("status", CONVERGED)
def test_an_old_module_or_quoting_enclave_drags_the_platform_down(status: str) -> None:
    old = (Component(9), Component(0, "OutOfDate", ("X",)))
    good = with_levels(Level(status=status))
    worse = with_levels(Level(status=status), modules=[Module(1, old)])
    expected = (CONVERGED[status], ("X",))
    assert status_of(MACHINE, QUOTE, tcb=worse) == expected
    identity = qe_identity(MACHINE.issued, levels=old)
    assert status_of(MACHINE, QUOTE, tcb=good, identity=identity) == expected


def test_revoked_anywhere_is_revoked_and_no_policy_accepts_it() -> None:
    revoked = (Component(0, "Revoked"),)
    found = [
        status_of(MACHINE, QUOTE, tcb=with_levels(Level(status="Revoked"))),
        status_of(MACHINE, QUOTE, tcb=with_levels(Level(), modules=[Module(1, revoked)])),
        status_of(MACHINE, QUOTE, identity=qe_identity(MACHINE.issued, levels=revoked)),
    ]
    assert found == [("Revoked", ())] * 3
    with pytest.raises(PolicyFileError):
        Policy.parse('{"statuses": ["Revoked"]}')


def test_a_component_has_no_other_status() -> None:
    odd = qe_identity(MACHINE.issued, levels=(Component(0, "ConfigurationNeeded"),))
    assert refusal(QUOTE, MACHINE.collateral(identity=odd)) == "MN-TEE-020"


def test_masked_fields_are_compared_byte_by_byte_as_dcap_qvl_does() -> None:
    given = edited("qe_identity", miscselect="01020000", miscselectMask="0FFF00FF")
    for found, accepted in (("f1027700", True), ("00000201", False), ("01020001", False)):
        qe = QuotingEnclave(miscselect=bytes.fromhex(found))
        quote = replace(MACHINE, qe=qe).quote(4, td_report())
        assert judge(quote, given).accepted == accepted
        assert dcap_accepts(quote, given) == accepted


def dcap_accepts(quote: bytes, given: Given) -> bool:
    collateral = dcap_qvl.QuoteCollateralV3.from_json(json.dumps(given))
    root = AUTHORITY.root.public_bytes(Encoding.DER)
    try:
        dcap_qvl.verify_with_root_ca(quote, collateral, root, NOW)
    except ValueError:
        return False
    return True
