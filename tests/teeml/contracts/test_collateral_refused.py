# SPDX-License-Identifier: Apache-2.0
"""Collateral that the contracts refuse, and what collateral makes them refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.teeml.contracts.machine import RevertedError
from tests.teeml.contracts.simulation import (
    AUTHORITY,
    DAY,
    NOW,
    PLATFORM,
    parsed,
    sgx_collateral,
    simulated,
    status,
    td_quote,
    words_of,
)
from tests.teeml.contracts.verifying import Chain, intel
from verifiers.teeml.onchain import INTEL_WORDS, authority_id, root_words, steps
from verifiers.teeml.roots import TCB_SIGNING
from verifiers.teeml.simulated import Component, Level, Module, qe_identity, tcb_info


def tdx_with(levels: tuple[Level, ...] = (Level(),), **rest: Any) -> dict[str, str]:
    text = tcb_info(PLATFORM.issued, PLATFORM.fmspc, levels=levels, **rest)
    return PLATFORM.collateral(tcb=text)


LISTS = {
    "revoked platform": ({"revoked": [PLATFORM.pck.serial_number]}, "certificate revoked"),
    "revoked CA": ({"root_revoked": [AUTHORITY.platform_ca.serial_number]}, "authority revoked"),
    "revoked signer": (
        {"root_revoked": [AUTHORITY.tcb_signing.serial_number]},
        "authority revoked",
    ),
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
    """A later list without the serial changes nothing; a signer takes its documents along."""
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
            with pytest.raises(RevertedError, match=r"^authority revoked$"):
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
            with pytest.raises(RevertedError, match=r"^not newer$"):
                chain.collateral.send(step.function, *step.args)


def test_nothing_is_taken_before_the_roots_list() -> None:
    chain, given = simulated(), parsed(PLATFORM.collateral())
    chain.machine.at(NOW)
    for step in steps(given)[1:3]:
        with pytest.raises(RevertedError, match=r"^crl window$"):
            chain.collateral.send(step.function, *step.args)


def test_each_role_signs_its_own_kind_only() -> None:
    chain, given = simulated(), parsed(PLATFORM.collateral())
    ca, signer = authority_id(AUTHORITY.platform_ca), authority_id(AUTHORITY.tcb_signing)
    chain.machine.at(NOW)
    with chain.machine.undone():
        chain.load(given)
        words = steps(parsed(PLATFORM.collateral(tcb=tcb_info(NOW, PLATFORM.fmspc))))[4].args
        with pytest.raises(RevertedError, match=r"^name$"):
            chain.collateral.send("update_tcb_info", words[0], words[1], ca)
        with pytest.raises(RevertedError, match=r"^name$"):
            chain.collateral.send("update_crl", signer, given.pck_crl)
        with pytest.raises(RevertedError, match=r"^no authority$"):
            chain.collateral.send("update_crl", b"\1" * 20, given.pck_crl)
        quote = words_of(td_quote())
        with pytest.raises(RevertedError, match=r"^name$"):
            chain.dcap.call("verify", quote, signer, 18, 18)


def test_sgx_documents_do_not_serve_tdx() -> None:
    mixed = PLATFORM.collateral() | {
        name: text for name, text in sgx_collateral().items() if name.startswith("tcb_info")
    }
    with pytest.raises(RevertedError, match=r"^no tcb info$"):
        status(td_quote(), mixed)
    mixed = PLATFORM.collateral() | {
        name: text for name, text in sgx_collateral().items() if name.startswith("qe_identity")
    }
    with pytest.raises(RevertedError, match=r"^no qe identity$"):
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
        with pytest.raises(RevertedError, match=r"^tcb revoked$"):
            status(td_quote(), given)


def test_a_module_without_identities_is_refused() -> None:
    with pytest.raises(RevertedError, match=r"^tdx module$"):
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
        with pytest.raises(RevertedError, match=r"^tdx module$"):
            chain.verify(td_quote(), first)


# --- roots ------------------------------------------------------------------------------------


@pytest.mark.parametrize("chain_id", [1, 10, 8453, 11_155_111])
def test_a_simulated_root_has_no_place_on_a_real_chain(chain_id: int) -> None:
    with pytest.raises(RevertedError, match=r"^root$"):
        Chain.start(root_words(AUTHORITY.trust, AUTHORITY.until), chain_id)
    assert Chain.start(INTEL_WORDS, chain_id).collateral.call("SIMULATED") is False


def test_intels_root_knows_nothing_of_a_simulated_one() -> None:
    step = steps(parsed(PLATFORM.collateral()))[0]
    chain = intel()
    chain.machine.at(NOW)
    with pytest.raises(RevertedError, match=r"^name$"):
        chain.collateral.send(step.function, *step.args)


def test_a_certificate_with_a_roles_name_and_another_signature_is_refused() -> None:
    forged = replace(AUTHORITY, seed=b"forger").issue(TCB_SIGNING, "SGX Root CA")
    chain, given = simulated(), parsed(PLATFORM.collateral())
    chain.machine.at(NOW)
    with chain.machine.undone():
        chain.load(given)
        with pytest.raises(RevertedError, match=r"^signature$"):
            chain.collateral.send("add_authority", forged.public_bytes(Encoding.DER))
