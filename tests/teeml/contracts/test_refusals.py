# SPDX-License-Identifier: Apache-2.0
"""What the contracts refuse, each by its own reason, all of it well signed by a simulated root."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.teeml.contracts.machine import RevertedError
from tests.teeml.contracts.verifying import Chain, intel
from verifiers.teeml.collateral import Collateral
from verifiers.teeml.onchain import INTEL_WORDS, authority_id, quote_words, root_words, steps
from verifiers.teeml.quote import Quote
from verifiers.teeml.roots import TCB_SIGNING
from verifiers.teeml.simulated import (
    Component,
    Level,
    Module,
    Platform,
    QuotingEnclave,
    enclave_report,
    qe_identity,
    tcb_info,
    td_report,
)

PLATFORM = Platform()
NOW = PLATFORM.issued + 3_600
DAY = 86_400
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
AUTHORITY = PLATFORM.authority


@cache
def simulated() -> Chain:
    return Chain.start(root_words(AUTHORITY.trust, AUTHORITY.until))


def parsed(given: dict[str, str]) -> Collateral:
    return Collateral.parse(json.dumps(given))


def status(quote: bytes, given: dict[str, str], now: int = NOW) -> str:
    return simulated().status(quote, parsed(given), now)


def td_quote(platform: Platform = PLATFORM, version: int = 4, **report: Any) -> bytes:
    return platform.quote(version, td_report(**report))


def sgx_quote(**report: Any) -> bytes:
    return PLATFORM.quote(3, enclave_report(**report))


def sgx_collateral() -> dict[str, str]:
    return PLATFORM.collateral(tdx=False)


def tdx_with(levels: tuple[Level, ...] = (Level(),), **rest: Any) -> dict[str, str]:
    text = tcb_info(PLATFORM.issued, PLATFORM.fmspc, levels=levels, **rest)
    return PLATFORM.collateral(tcb=text)


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


def words_of(quote: bytes) -> tuple[Any, ...]:
    return quote_words(Quote.parse(quote))


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


# --- collateral -------------------------------------------------------------------------------

LISTS = {
    "revoked platform": ({"revoked": [PLATFORM.pck.serial_number]}, "certificate revoked"),
    "revoked CA": ({"root_revoked": [AUTHORITY.platform_ca.serial_number]}, "authority revoked"),
    "revoked signer": ({"root_revoked": [AUTHORITY.tcb_signing.serial_number]}, "authority revoked"),
    "stale list": ({"crl_window": (NOW - DAY, NOW)}, "crl window"),
    "stale root list": ({"root_crl_window": (NOW - DAY, NOW)}, "crl window"),
    "list of tomorrow": ({"crl_window": (NOW + 1, NOW + DAY)}, "crl window"),
}


@pytest.mark.parametrize("name", LISTS)
def test_revocation_counts(name: str) -> None:
    changes, reason = LISTS[name]
    with pytest.raises(RevertedError, match=f"^{reason}$"):
        status(td_quote(), PLATFORM.collateral(**changes))


def test_a_revocation_stays_and_reaches_what_is_stored() -> None:
    """A later list without the serial changes nothing; a signer revoked takes its documents along."""
    chain, given = simulated(), parsed(PLATFORM.collateral())
    serials = [AUTHORITY.tcb_signing.serial_number]
    listed = PLATFORM.collateral(
        root_revoked=serials, root_crl_window=(PLATFORM.issued + 60, NOW + DAY)
    )
    later = PLATFORM.collateral(root_crl_window=(PLATFORM.issued + 120, NOW + DAY))
    chain.machine.at(NOW)
    with chain.machine.undone():
        chain.load(given)
        chain.verify(td_quote(), given)
        for newer in (listed, later):
            step = steps(parsed(newer))[0]
            chain.collateral.send(step.function, *step.args)
            with pytest.raises(RevertedError, match="^authority revoked$"):
                chain.verify(td_quote(), given)


def test_nothing_goes_back_in_time() -> None:
    chain = simulated()
    first, older = (
        parsed(PLATFORM.collateral()),
        parsed(replace(PLATFORM, issued=PLATFORM.issued - 60).collateral()),
    )
    chain.machine.at(NOW)
    with chain.machine.undone():
        chain.load(first)
        for step in [*steps(first), *steps(older)]:
            with pytest.raises(RevertedError, match="^not newer$"):
                chain.collateral.send(step.function, *step.args)


def test_nothing_is_taken_before_the_roots_list() -> None:
    chain, given = simulated(), parsed(PLATFORM.collateral())
    chain.machine.at(NOW)
    for step in steps(given)[1:3]:
        with pytest.raises(RevertedError, match="^crl window$"):
            chain.collateral.send(step.function, *step.args)


def test_each_role_signs_its_own_kind_only() -> None:
    chain, given = simulated(), parsed(PLATFORM.collateral())
    ca, signer = authority_id(AUTHORITY.platform_ca), authority_id(AUTHORITY.tcb_signing)
    chain.machine.at(NOW)
    with chain.machine.undone():
        chain.load(given)
        words = steps(parsed(PLATFORM.collateral(tcb=tcb_info(NOW, PLATFORM.fmspc))))[4].args
        with pytest.raises(RevertedError, match="^name$"):
            chain.collateral.send("update_tcb_info", words[0], words[1], ca)
        with pytest.raises(RevertedError, match="^name$"):
            chain.collateral.send("update_crl", signer, given.pck_crl)
        with pytest.raises(RevertedError, match="^no authority$"):
            chain.collateral.send("update_crl", b"\1" * 20, given.pck_crl)
        quote = words_of(td_quote())
        with pytest.raises(RevertedError, match="^name$"):
            chain.dcap.call("verify", quote, signer, 18, 18)


def test_sgx_documents_do_not_serve_tdx() -> None:
    mixed = PLATFORM.collateral() | {
        name: text for name, text in sgx_collateral().items() if name.startswith("tcb_info")
    }
    with pytest.raises(RevertedError, match="^no tcb info$"):
        status(td_quote(), mixed)
    mixed = PLATFORM.collateral() | {
        name: text for name, text in sgx_collateral().items() if name.startswith("qe_identity")
    }
    with pytest.raises(RevertedError, match="^no qe identity$"):
        status(td_quote(), mixed)


def test_revoked_levels_are_refused_wherever_they_stand() -> None:
    component = (Component(4, "Revoked"),)
    identity = PLATFORM.collateral(identity=qe_identity(PLATFORM.issued, levels=component))
    revoked = [
        tdx_with((Level(status="Revoked"),)),
        tdx_with(modules=(Module(levels=component),)),
        identity,
    ]
    for given in revoked:
        with pytest.raises(RevertedError, match="^tcb revoked$"):
            status(td_quote(), given)


def test_a_module_without_identities_is_refused() -> None:
    with pytest.raises(RevertedError, match="^tdx module$"):
        status(td_quote(), tdx_with(modules=None))


def test_changed_contents_leave_nothing_behind() -> None:
    """The second document of one evaluation number has fewer modules: the old ones are gone."""
    chain = simulated()
    first, second = (
        parsed(PLATFORM.collateral()),
        parsed(
            PLATFORM.collateral(
                tcb=tcb_info(PLATFORM.issued + 60, PLATFORM.fmspc, modules=(Module(7),))
            )
        ),
    )
    chain.machine.at(NOW)
    with chain.machine.undone():
        chain.load(first)
        chain.verify(td_quote(), first)
        step = steps(second)[4]
        chain.collateral.send(step.function, *step.args)
        with pytest.raises(RevertedError, match="^tdx module$"):
            chain.verify(td_quote(), first)


# --- roots ------------------------------------------------------------------------------------


@pytest.mark.parametrize("chain_id", [1, 10, 8453, 11_155_111])
def test_a_simulated_root_has_no_place_on_a_real_chain(chain_id: int) -> None:
    with pytest.raises(RevertedError, match="^root$"):
        Chain.start(root_words(AUTHORITY.trust, AUTHORITY.until), chain_id)
    assert Chain.start(INTEL_WORDS, chain_id).collateral.call("SIMULATED") is False


def test_intels_root_knows_nothing_of_a_simulated_one() -> None:
    step = steps(parsed(PLATFORM.collateral()))[0]
    chain = intel()
    chain.machine.at(NOW)
    with pytest.raises(RevertedError, match="^name$"):
        chain.collateral.send(step.function, *step.args)


def test_a_certificate_with_a_roles_name_and_another_signature_is_refused() -> None:
    forged = replace(AUTHORITY, seed=b"forger").issue(TCB_SIGNING, "SGX Root CA")
    chain, given = simulated(), parsed(PLATFORM.collateral())
    chain.machine.at(NOW)
    with chain.machine.undone():
        chain.load(given)
        with pytest.raises(RevertedError, match="^signature$"):
            chain.collateral.send("add_authority", forged.public_bytes(Encoding.DER))
