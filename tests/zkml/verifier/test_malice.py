# SPDX-License-Identifier: Apache-2.0
"""Malicious programs: none accepts an honest circuit's proof, none burns gas, the checker sees all."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from eth_utils.crypto import keccak

from tests.zkml.verifier import malice
from tests.zkml.verifier.circuit import Circuit
from tests.zkml.verifier.evm import GAS, Halo2, Machine
from verifiers.zkml.checker import check
from verifiers.zkml.errors import ZkError
from verifiers.zkml.field import Point

RANDOM, CRAFTED = 1_000, 220
# Twice what an honest proof of a circuit of this size costs.
BOUND = 1_300_000

# What the contract can't tell from an honest program of some other circuit, and refuses here only
# because the proof is not of that circuit; docs/zk-program.md.
ONLY_THE_DERIVATION_TELLS = {
    "another digest",
    "points of the setup",
    "infinity everywhere",
    "another constant",
    "empty gates",
    "lookups of themselves",
    "no gates",
    "another domain",
    "another last row",
    "a byte of the header",
    "fewer instances",
}


class Attacked:
    def __init__(self, circuit: Circuit) -> None:
        self.machine, self.circuit = Machine(), circuit
        self._ours = Halo2(self.machine, circuit.built.neg_tau_g2)

    def accepts(self, code: bytes, proof: bytes, instances: Sequence[int]) -> bool:
        home = self._ours.publish(code)
        return self._ours.accepts(home, keccak(code), proof, instances)


@pytest.fixture
def attacked(circuits: dict[str, Circuit]) -> Attacked:
    return Attacked(circuits["iris"])


def points_of_setup(circuit: Circuit) -> list[Point]:
    """The first of a setup's file: powers of tau on the curve, little-endian, in Montgomery's form."""
    (path,) = circuit.folder.parent.glob(f"kzg{circuit.built.program.header.k}.srs")
    del path
    return [(1, 2), *circuit.built.program.sigmas, *circuit.built.program.fixed]


def test_a_thousand_random_programs_accept_nothing(attacked: Attacked) -> None:
    circuit = attacked.circuit
    for code in malice.at_random(circuit.built.program, RANDOM):
        assert not attacked.accepts(code, circuit.proof, circuit.instances)
        assert attacked.machine.gas < BOUND < GAS
        with pytest.raises(ZkError):
            check(code, circuit.source("single"), circuit.built.neg_tau_g2)


def test_crafted_programs_are_refused_on_chain_and_by_the_checker(attacked: Attacked) -> None:
    circuit = attacked.circuit
    srs, seen = points_of_setup(circuit), set()
    for name, code in malice.crafted(circuit.built.program, srs, CRAFTED):
        seen.add(name)
        assert not attacked.accepts(code, circuit.proof, circuit.instances), name
        assert attacked.machine.gas < BOUND, name
        with pytest.raises(ZkError):
            check(code, circuit.source("single"), circuit.built.neg_tau_g2)
    assert seen == {*malice.CHANGES, "points of the setup"}
