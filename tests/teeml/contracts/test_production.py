# SPDX-License-Identifier: Apache-2.0
"""A simulated root has no way onto a chain that is not for development."""

from __future__ import annotations

import boa
import pytest

from tests.contracts.parts import deploy
from tests.teeml.contracts.machine import Machine, RevertedError
from tests.teeml.contracts.market import SOURCES, Market
from tests.teeml.contracts.simulation import AUTHORITY
from verifiers.teeml.onchain import INTEL_WORDS, root_words

NOBODY = "0x" + "00" * 20
SIMULATED = root_words(AUTHORITY.trust, AUTHORITY.until)
TIMES = (3_600, 86_400)


def verifier(machine: Machine, dcap: str) -> None:
    machine.deploy_named("TeemlVerifier", NOBODY, NOBODY, NOBODY, dcap, *TIMES, NOBODY)


def collateral(machine: Machine, root: tuple[object, ...]) -> str:
    parsers = [machine.deploy_named(name).address for name in ("CertificateParser", "TcbParser")]
    return machine.deploy_named("IntelCollateral", *parsers, root).address


def dcap_on(machine: Machine, root: tuple[object, ...]) -> str:
    return machine.deploy_named("DcapVerifier", collateral(machine, root)).address


@pytest.mark.parametrize("chain_id", [1, 10, 8_453])
def test_a_production_chain_takes_intels_root_only(chain_id: int) -> None:
    machine = Machine(chain_id)
    with pytest.raises(RevertedError, match="root"):
        collateral(machine, SIMULATED)
    verifier(machine, dcap_on(machine, INTEL_WORDS))


def test_a_chain_that_stops_being_for_development_takes_no_simulated_key(tee: Market) -> None:
    """As a fork's id may change: neither a new plug-in on that collateral, nor a key in the old."""
    dcap = tee.plugin.DCAP()
    before = boa.env.evm.patch.chain_id
    boa.env.evm.patch.chain_id = 1
    try:
        with boa.reverts("simulated"):
            deploy(f"{SOURCES}/TeemlVerifier.vy", *([NOBODY] * 3), dcap, *TIMES, NOBODY)
        with boa.reverts("simulated"):
            tee.register()
    finally:
        boa.env.evm.patch.chain_id = before


def test_times_beyond_the_words_and_bonds_free_before_a_hold_is_over_are_refused() -> None:
    machine = Machine(31_337)
    dcap = dcap_on(machine, SIMULATED)
    for times in ((2**32, 2**32), (1, 2**32), (2, 1)):
        with pytest.raises(RevertedError, match="seconds"):
            machine.deploy_named("TeemlVerifier", NOBODY, NOBODY, NOBODY, dcap, *times, NOBODY)
