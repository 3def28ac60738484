# SPDX-License-Identifier: Apache-2.0
"""A bundle that somebody else made: does everything come out again?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from offchain_workers.models import ModelCard
from verifiers.scratch import Scratch
from verifiers.zkml import checker, settings, wrap
from verifiers.zkml.bundle import MODEL_FILE, PROGRAM_FILE, Bundle
from verifiers.zkml.circuit import setup_hash
from verifiers.zkml.errors import UncheckedProgramError
from verifiers.zkml.faults import RederivedError
from verifiers.zkml.prover import KEY_FILE, ONNX_FILE, SCRATCH, SETTINGS_FILE, Prover
from verifiers.zkml.runner import USUAL, Ezkl, Limits, Step
from verifiers.zkml.settings import Facts, run_args
from verifiers.zkml.setup import circuit_of, is_whole
from verifiers.zkml.srs import FOLDER


def check(
    found: Bundle,
    float_onnx: bytes,
    wrapped: bytes,
    parent: ModelCard | None = None,
    say: Callable[[str], None] = lambda step: None,
    known: Path = FOLDER,
    limits: Limits = USUAL,
) -> None:
    """``float_onnx``: the model that the circuit must be of, ``wrapped`` the published one.

    Raises RederivedError naming what differs; SrsMissingError, SrsWrongError, VersionError and the
    runner's errors. Accuracy is the publisher's word: samples are not published.
    """
    if found.files[ONNX_FILE] != float_onnx:
        raise RederivedError("the circuit was made from another ONNX file than its parent's")
    with Scratch(SCRATCH) as name:
        folder = Path(name)
        found.write(folder)
        ezkl = Ezkl(folder, limits, say)
        prover = Prover(folder, found.srs(folder, known).path, ezkl)
        prover.check_version(found.description.ezkl)
        _settings(found, folder, ezkl)
        prover.prepare()
        if (folder / KEY_FILE).read_bytes() != found.files[KEY_FILE]:
            raise RederivedError(f"{KEY_FILE} is not what this machine makes of the model")
        _program(found, prover)
    _wrapped(found.facts, found.files[ONNX_FILE], wrapped, parent)


def _settings(found: Bundle, folder: Path, ezkl: Ezkl) -> None:
    """The same run arguments give the same settings; those given stay in place."""
    facts, again = found.facts, "again.json"
    model = wrap.load(found.files[ONNX_FILE])
    scales = facts.input_scale, facts.weight_scale
    args = run_args(facts.input, facts.weights, scales, facts.k, wrap.ends(model).batch)
    ezkl.run(Step("gen_settings", {"model": ONNX_FILE, "output": again, "py_run_args": args}))
    if not settings.same((folder / again).read_bytes(), found.files[SETTINGS_FILE]):
        raise RederivedError(f"{SETTINGS_FILE} is not what follows from its run arguments")


def _program(found: Bundle, prover: Prover) -> None:
    neg_tau_g2 = found.description.neg_tau_g2
    try:
        program = checker.check(found.files[PROGRAM_FILE], prover.source(), neg_tau_g2)
    except UncheckedProgramError as error:
        raise RederivedError(f"{PROGRAM_FILE}: {error.message}") from None
    size = found.card.inputs[0].elements
    setup, code_hash = setup_hash(neg_tau_g2), program.code_hash()
    if circuit_of(prover, found.facts, code_hash, setup, size) != found.circuit:
        raise RederivedError("the artifact is another: its weights, sizes or scales")


def _wrapped(facts: Facts, data: bytes, wrapped: bytes, parent: ModelCard | None) -> None:
    scales = facts.input_scale, facts.output_scale
    model = wrap.load(data)
    # Without a card of the float model, the integers may be its own or not.
    whole = {is_whole(parent, facts), False} if parent else {True, False}
    if wrapped not in [wrap.wrap(model, *scales, each) for each in whole]:
        raise RederivedError(f"{MODEL_FILE} is not the circuit's float model between its integers")
