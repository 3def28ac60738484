# SPDX-License-Identifier: Apache-2.0
"""Programs follow from what ezkl emits, and from nothing else."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from benchmarks.zkml.circuit import Circuit
from verifiers.zkml.builder import build
from verifiers.zkml.errors import CircuitError, ProgramError
from verifiers.zkml.program import SIZE, parse


@pytest.mark.parametrize("name", ["iris", "digits"])
def test_the_same_source_gives_the_same_program(circuits: dict[str, Circuit], name: str) -> None:
    circuit = circuits[name]
    assert build(circuit.source("single")) == circuit.built
    assert parse(circuit.program) == circuit.built.program
    assert len(circuit.program) == 1 + SIZE


def test_other_weights_of_one_shape_differ_in_points_and_digest(
    circuits: dict[str, Circuit],
) -> None:
    a, b = (circuits[name].built.program for name in ("iris", "iris-other-weights"))
    assert (a.header, a.ops, a.openings) == (b.header, b.ops, b.openings)
    assert a.digest != b.digest
    assert a.fixed != b.fixed


def test_every_byte_of_a_program_counts(circuits: dict[str, Circuit]) -> None:
    circuit = circuits["iris"]
    for at in range(len(circuit.program)):
        code = bytearray(circuit.program)
        code[at] ^= 1
        try:
            assert parse(bytes(code)) != circuit.built.program
        except ProgramError:
            continue


def test_bytes_that_are_no_program(circuits: dict[str, Circuit]) -> None:
    code = circuits["iris"].program
    for other in (b"", code[:-1], code + b"\0", b"\1" + code[1:], bytes(1 + SIZE)):
        with pytest.raises(ProgramError):
            parse(other)


def test_a_program_of_the_first_format_says_what_to_do(circuits: dict[str, Circuit]) -> None:
    program = circuits["iris"].built.program
    old = replace(program, header=replace(program.header, version=1))
    with pytest.raises(ProgramError, match="version 1, not 2: make the circuit again"):
        parse(old.code())


def test_what_ezkl_did_not_emit_for_one_circuit_is_refused(circuits: dict[str, Circuit]) -> None:
    circuit = circuits["iris"]
    for source in ("", "contract Halo2Verifier {}", circuit.source("reusable")):
        with pytest.raises(CircuitError):
            build(source)


def test_an_emitted_verifier_with_another_pairing_is_refused(
    circuits: dict[str, Circuit],
) -> None:
    source = circuits["iris"].source("single")
    changed = re.sub(r"staticcall\(gas\(\), 0x08,", "staticcall(gas(), 0x09,", source)
    assert changed != source
    with pytest.raises(CircuitError):
        build(changed)
