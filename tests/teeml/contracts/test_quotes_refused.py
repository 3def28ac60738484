# SPDX-License-Identifier: Apache-2.0
"""Quotes that the contracts refuse, each by its own reason, all well signed by a simulated root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.teeml.contracts.machine import RevertedError
from tests.teeml.contracts.simulation import (
    AUTHORITY,
    NOW,
    PLATFORM,
    parsed,
    sgx_collateral,
    sgx_quote,
    simulated,
    status,
    td_quote,
    words_of,
)
from verifiers.teeml.simulated import QuotingEnclave, td_report

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def attributes(bits: int) -> bytes:
    """TD attributes with SEPT_VE_DISABLE and these bits."""
    return (bits | 1 << 28).to_bytes(8, "little")


def sgx_attributes(first: int) -> bytes:
    return bytes([first]) + bytes(7) + bytes([7]) + bytes(7)


def test_what_is_refused_here_is_taken_when_nothing_is_wrong_with_it() -> None:
    assert status(td_quote(), PLATFORM.collateral()) == "UpToDate"
    assert status(td_quote(version=5), PLATFORM.collateral()) == "UpToDate"
    assert status(td_quote(version=5, servicetd=bytes(48)), PLATFORM.collateral()) == "UpToDate"
    assert status(sgx_quote(), sgx_collateral()) == "UpToDate"


QUOTES: dict[str, tuple[Callable[[], bytes], str]] = {
    "debug domain": (lambda: td_quote(attributes=attributes(1)), "td attributes"),
    "sept_ve_disable off": (lambda: td_quote(attributes=bytes(8)), "td attributes"),
    "migratable domain": (lambda: td_quote(attributes=attributes(1 << 29)), "td attributes"),
    "seam signer": (lambda: td_quote(mrsignerseam=bytes(47) + b"\1"), "tdx module signer"),
    "seam attributes": (lambda: td_quote(seamattributes=b"\1" + bytes(7)), "tdx module signer"),
    "service td": (lambda: td_quote(version=5, servicetd=bytes(47) + b"\1"), "service td"),
    "unknown module": (
        lambda: td_quote(tee_tcb_svn=bytes([5, 9, 2]) + bytes(13)),
        "tdx module",
    ),
    "module below all": (
        lambda: td_quote(tee_tcb_svn=bytes([1, 1, 2]) + bytes(13)),
        "tcb level",
    ),
    "tdx components below all": (lambda: td_quote(tee_tcb_svn=bytes(16)), "tcb level"),
    "low pcesvn": (lambda: td_quote(replace(PLATFORM, pcesvn=1)), "tcb level"),
    "low sgx component": (
        lambda: td_quote(replace(PLATFORM, sgx=(3,) * 15 + (1,))),
        "tcb level",
    ),
    "another fmspc": (lambda: td_quote(replace(PLATFORM, fmspc=bytes(6))), "no tcb info"),
    "another pceid": (lambda: td_quote(replace(PLATFORM, pceid=b"\0\1")), "no tcb info"),
    "qe signer": (
        lambda: td_quote(replace(PLATFORM, qe=QuotingEnclave(mrsigner=bytes(32)))),
        "qe identity",
    ),
    "qe product": (
        lambda: td_quote(replace(PLATFORM, qe=QuotingEnclave(isvprodid=1))),
        "qe identity",
    ),
    "debug qe": (
        lambda: td_quote(replace(PLATFORM, qe=QuotingEnclave(attributes=b"\x13" + bytes(15)))),
        "qe identity",
    ),
    "qe miscselect": (
        lambda: td_quote(replace(PLATFORM, qe=QuotingEnclave(miscselect=b"\1" + bytes(3)))),
        "qe identity",
    ),
    "old qe": (lambda: td_quote(replace(PLATFORM, qe=QuotingEnclave(isvsvn=3))), "tcb level"),
    "qe report for another key": (
        lambda: td_quote(replace(PLATFORM, qe=QuotingEnclave(report_data=bytes(64)))),
        "qe report data",
    ),
    "expired leaf": (
        lambda: PLATFORM.quote(4, td_report(), pck=PLATFORM.pck_certificate(until=NOW - 1)),
        "certificate window",
    ),
    "leaf of tomorrow": (
        lambda: PLATFORM.quote(4, td_report(), pck=PLATFORM.pck_certificate(since=NOW + 1)),
        "certificate window",
    ),
    "CA as leaf": (
        lambda: PLATFORM.quote(4, td_report(), pck=AUTHORITY.platform_ca),
        "certificate use",
    ),
    "TCB signer as leaf": (
        lambda: PLATFORM.quote(4, td_report(), pck=AUTHORITY.tcb_signing),
        "certificate use",
    ),
    "leaf of another machine": (
        lambda: PLATFORM.quote(4, td_report(), pck=replace(PLATFORM, label="other").pck),
        "qe signature",
    ),
    "leaf of the other CA": (
        lambda: td_quote(replace(PLATFORM, scalable=False)),
        "name",
    ),
}


def refusal(words: tuple[Any, ...], given: dict[str, str]) -> str:
    """Why the quote is refused; fails when it isn't."""
    chain, collateral = simulated(), parsed(given)
    chain.machine.at(NOW)
    with chain.machine.undone():
        chain.load(collateral)
        with pytest.raises(RevertedError) as refused:
            chain.verify_words(words, collateral)
    return str(refused.value)


@pytest.mark.parametrize("name", QUOTES)
def test_quotes_refused(name: str) -> None:
    make, reason = QUOTES[name]
    assert refusal(words_of(make()), PLATFORM.collateral()) == reason


@pytest.mark.parametrize("first", [0, 1 | 2, 1 | 16, 1 | 32])
def test_enclaves_that_can_be_looked_into_are_refused(first: int) -> None:
    quote = sgx_quote(attributes=sgx_attributes(first))
    assert refusal(words_of(quote), sgx_collateral()) == "sgx attributes"


@pytest.mark.parametrize(
    "patch",
    [{0: 2}, {0: 4}, {0: 5}, {2: 3}, {4: 0x81}, {12: 0}, {1: 1}],
    ids=str,
)
def test_headers_refused(patch: dict[int, int]) -> None:
    """Version, key type, TEE and vendor of an SGX quote; nothing is read before them."""
    signed, *rest = words_of(sgx_quote())
    changed = bytearray(signed)
    for place, value in patch.items():
        changed[place] = value
    assert refusal((bytes(changed), *rest), sgx_collateral()) == "quote"


@pytest.mark.parametrize("size", [0, 47, 48, 431, 433, 632])
def test_only_the_exact_length_is_read(size: int) -> None:
    signed, *rest = words_of(sgx_quote())
    resized = (signed + bytes(300))[:size]
    # What is too long for the type is refused before a reason could be given.
    assert refusal((resized, *rest), sgx_collateral()) in ("quote", "")


def test_the_prefix_of_version_5_is_read_only_there() -> None:
    """A body of version 4 with a prefix, and one of version 5 without, are neither."""
    signed, *rest = words_of(td_quote())
    prefixed = signed[:48] + bytes([2, 0, 0x48, 2, 0, 0]) + signed[48:]
    assert refusal((prefixed, *rest), PLATFORM.collateral()) == "quote"
    five, *rest = words_of(td_quote(version=5))
    assert refusal((five[:48] + five[54:], *rest), PLATFORM.collateral()) == "quote"


def test_the_twin_of_a_signature_proves_the_same_and_no_more() -> None:
    chain, given = simulated(), parsed(PLATFORM.collateral())
    signed, (r, s), *rest = words_of(td_quote())
    chain.machine.at(NOW)
    with chain.machine.undone():
        chain.load(given)
        claims = chain.verify_words((signed, (r, s), *rest), given)
        assert chain.verify_words((signed, (r, ORDER - s), *rest), given) == claims
        assert claims["simulated"]
    for bad in ((r, 0), (0, s), (r, ORDER), (r + ORDER if r + ORDER < 2**256 else 0, s)):
        assert refusal((signed, bad, *rest), PLATFORM.collateral()) == "quote signature"
