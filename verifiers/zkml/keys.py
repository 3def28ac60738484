# SPDX-License-Identifier: Apache-2.0
"""Keys of a published circuit on this machine: made, compared, tried; and what needs them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eth_utils.crypto import keccak

from offchain_workers.chain.contracts.terms import ZERO_32
from verifiers.base import ModelView
from verifiers.errors import InputUnprovableError
from verifiers.scratch import Scratch
from verifiers.zkml import bundle, checker
from verifiers.zkml.bundle import PROGRAM_FILE, Bundle
from verifiers.zkml.circuit import commitment
from verifiers.zkml.errors import EzklFailedError
from verifiers.zkml.faults import RederivedError
from verifiers.zkml.prover import KEY_FILE, SCRATCH, Prover
from verifiers.zkml.runner import Ezkl
from verifiers.zkml.srs import FOLDER


def check_provable(prover: Prover, values: Sequence[int]) -> None:
    """Raises InputUnprovableError when the circuit fails on the input but not on zeros; ezkl's
    errors when something is wrong with this machine."""
    try:
        prover.compute(values)
    except EzklFailedError as error:
        prover.compute([0] * len(values))
        raise InputUnprovableError from error


def prepared(found: Bundle, folder: Path, known: Path = FOLDER, ezkl: Ezkl | None = None) -> Prover:
    """Keys of a bundle's circuit, in a folder. Raises RederivedError when the verifying key comes
    out otherwise; SrsMissingError, SrsWrongError, ezkl's errors."""
    found.write(folder)
    prover = Prover(folder, found.srs(folder, known).path, ezkl)
    prover.check_version(found.description.ezkl)
    prover.prepare()
    if (folder / KEY_FILE).read_bytes() != found.files[KEY_FILE]:
        raise RederivedError(f"{KEY_FILE} is not what this machine makes of the model")
    return prover


def tried(found: Bundle, prover: Prover) -> None:
    """A proof of zeros is one that the chain would take for the artifact.

    Raises RederivedError, UncheckedProgramError, ezkl's errors.
    """
    circuit = found.circuit
    proof = prover.prove([0] * found.card.inputs[0].elements)
    prover.verify()
    checker.check(found.files[PROGRAM_FILE], prover.source(), found.description.neg_tau_g2)
    first = 64 * circuit.input_points
    weights = keccak(proof.data[first : first + 64]) if circuit.weight_points else ZERO_32
    if weights != circuit.weights or len(proof.instances) != circuit.inputs + circuit.outputs:
        raise RederivedError("proofs are of other weights or sizes than the artifact's")


def commit_with_files(model: ModelView, values: Sequence[int]) -> bytes:
    """The commitment to an input, by whoever has only the model's files."""
    with Scratch(SCRATCH) as name:
        found = bundle.fetch(model.card, model.blob)
        found.write(Path(name))
        prover = Prover(Path(name), found.srs(Path(name)).path)
        prover.check_version(found.description.ezkl)
        return commitment(prover.commitment(values))
