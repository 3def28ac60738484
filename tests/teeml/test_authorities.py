# SPDX-License-Identifier: Apache-2.0
"""Certificates and revocation lists that are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.teeml.judging import AUTHORITY, MACHINE, NOW, QUOTE, TD, judge, refusal
from verifiers.teeml.collateral import Collateral
from verifiers.teeml.roots import INTEL, PCK, PLATFORM_CA, ROOT_CA, TCB_SIGNING
from verifiers.teeml.simulated import (
    Authority,
    Platform,
)
from verifiers.teeml.simulated.authority import pem
from verifiers.teeml.simulated.der import sgx_extension
from verifiers.teeml.verify import REFUSED, appraise

EXTENSION = sgx_extension(
    MACHINE.sgx, MACHINE.pcesvn, MACHINE.ppid, MACHINE.pceid, MACHINE.fmspc, scalable=True
)


def leaf(**options: Any) -> bytes:
    """A quote whose leaf is another certificate for the same key."""
    options = {"role": PCK, "issuer": PLATFORM_CA, "sgx": EXTENSION} | options
    role, issuer = options.pop("role"), options.pop("issuer")
    key = AUTHORITY.key(f"{MACHINE.label}/pck")
    return MACHINE.quote(4, TD, pck=AUTHORITY.issue(role, issuer, key=key, **options))


LEAVES: dict[str, tuple[Callable[[], bytes], str]] = {
    "expired": (lambda: leaf(until=NOW - 1), "MN-TEE-012"),
    "not yet valid": (lambda: leaf(since=NOW + 1), "MN-TEE-012"),
    "a CA": (lambda: leaf(path_length=0), "MN-TEE-010"),
    "CA's own certificate": (
        lambda: MACHINE.quote(4, TD, pck=AUTHORITY.platform_ca),
        "MN-TEE-010",
    ),
    "TCB signer's certificate": (
        lambda: MACHINE.quote(4, TD, pck=AUTHORITY.tcb_signing),
        "MN-TEE-010",
    ),
    "issued by the TCB signer": (lambda: leaf(issuer=TCB_SIGNING), "MN-TEE-011"),
    "issued by the root": (lambda: leaf(issuer=ROOT_CA), "MN-TEE-011"),
    "no SGX extension": (lambda: leaf(sgx=None), "MN-TEE-010"),
    "bytes after the SGX extension": (lambda: leaf(sgx=EXTENSION + b"\0"), "MN-TEE-010"),
}


@pytest.mark.parametrize("name", LEAVES)
def test_a_leaf_that_is_no_pck_is_refused(name: str) -> None:
    make, code = LEAVES[name]
    assert refusal(make(), MACHINE.collateral()) == code


def test_a_revoked_pck_is_refused() -> None:
    given = MACHINE.collateral(revoked=[1, MACHINE.pck.serial_number, 2])
    assert refusal(QUOTE, given) == "MN-TEE-013"
    assert judge(QUOTE, MACHINE.collateral(revoked=[1, 2])).accepted


@pytest.mark.parametrize("role", ["root", "platform_ca", "tcb_signing"])
def test_a_revoked_authority_is_refused(role: str) -> None:
    serial = getattr(AUTHORITY, role).serial_number
    assert refusal(QUOTE, MACHINE.collateral(root_revoked=[serial])) == "MN-TEE-013"


@pytest.mark.parametrize("field", ["crl_window", "root_crl_window"])
def test_a_stale_revocation_list_is_refused(field: str) -> None:
    windows: dict[str, tuple[int, int]] = {field: (NOW - 100, NOW)}
    given = MACHINE.collateral(**windows)  # type: ignore[arg-type]
    assert [judge(QUOTE, given, at).accepted for at in (NOW - 100, NOW - 1)] == [True, True]
    assert [refusal(QUOTE, given, at) for at in (NOW - 101, NOW)] == ["MN-TEE-014"] * 2


def test_another_ca_s_revocation_list_is_refused() -> None:
    given = MACHINE.collateral()
    root_list = given | {"pck_crl": given["root_ca_crl"]}
    assert refusal(QUOTE, root_list) == "MN-TEE-014"
    processor = Platform(scalable=False).collateral()
    assert refusal(QUOTE, given | {"pck_crl": processor["pck_crl"]}) == "MN-TEE-014"


def test_the_other_ca_did_not_issue_this_pck() -> None:
    assert refusal(QUOTE, Platform(scalable=False).collateral()) == "MN-TEE-011"


def test_another_root_is_refused_and_intel_never_vouches_for_a_simulation() -> None:
    elsewhere = Platform(authority=Authority(seed=b"elsewhere"))
    assert refusal(elsewhere.quote(4, TD), elsewhere.collateral()) == "MN-TEE-011"
    found = judge(QUOTE, MACHINE.collateral(), root=INTEL)
    assert (found.status, found.reason[:10]) == (REFUSED, "MN-TEE-010")


def test_a_chain_has_two_certificates() -> None:
    for name in ("pck_crl_issuer_chain", "tcb_info_issuer_chain", "qe_identity_issuer_chain"):
        assert refusal(QUOTE, MACHINE.collateral() | {name: pem(AUTHORITY.root)}) == "MN-TEE-010"


def test_an_appraisal_holds_no_longer_than_the_signers_certificates() -> None:
    signer = AUTHORITY.issue(TCB_SIGNING, ROOT_CA, until=NOW + 9)
    for name in ("tcb_info_issuer_chain", "qe_identity_issuer_chain"):
        given = MACHINE.collateral() | {name: pem(signer, AUTHORITY.root)}
        collateral = Collateral.parse(json.dumps(given))
        assert appraise(QUOTE, collateral, NOW, AUTHORITY.trust).until == NOW + 9
        assert refusal(QUOTE, given, NOW + 10) == "MN-TEE-012"
