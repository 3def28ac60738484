# SPDX-License-Identifier: Apache-2.0
"""From a float model and samples to a circuit's bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from eth_utils.crypto import keccak

from offchain_workers.models import ModelCard
from verifiers.scratch import Scratch
from verifiers.zkml import settings, wrap
from verifiers.zkml.accuracy import Accuracy, Array, integers, measure
from verifiers.zkml.bundle import (
    CARD_FILE,
    CIRCUIT_FILE,
    MODEL_FILE,
    PROGRAM_FILE,
    SRS_FILE,
    Bundle,
    gather,
)
from verifiers.zkml.cards import child_card
from verifiers.zkml.circuit import NO_WEIGHTS, VERSION, Circuit, Description, setup_hash
from verifiers.zkml.errors import CircuitError, EzklFailedError
from verifiers.zkml.faults import SrsMissingError
from verifiers.zkml.prover import KEY_FILE, ONNX_FILE, SCRATCH, SETTINGS_FILE, Prover
from verifiers.zkml.runner import USUAL, Ezkl, Limits, Step
from verifiers.zkml.samples import inputs_of
from verifiers.zkml.settings import MOST_PUBLIC, Binding, Facts
from verifiers.zkml.srs import FOLDER, Kind, Srs, ceremony, development

# Tried from the finest: numbers have 28 bits in all.
SCALES = (13, 12, 11, 10, 9, 8, 7, 6, 5)
# Bits kept free above what the samples need.
_HEADROOM = 1
# Rows at the end of each column that carry no values.
_SPARE_ROWS = 10
_MORE_K = 2
_WIDEST = 17


@dataclass(frozen=True)
class Options:
    """Binary scales; None: chosen here. ``input_scale`` 0: the model takes whole numbers."""

    input: Binding | None = None
    weights: Binding = Binding.FIXED
    scale: int | None = None
    input_scale: int | None = None
    name: str = ""
    srs: Kind | None = None
    srs_folder: Path = FOLDER
    limits: Limits = USUAL


PLAIN = Options()


@dataclass(frozen=True)
class Made:
    bundle: Bundle
    accuracy: Accuracy


class Setup:
    """One circuit in the making, in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        data: bytes,
        samples: Sequence[Array],
        options: Options,
        say: Callable[[str], None],
    ) -> None:
        self._model = wrap.load(data)
        self._ends = wrap.ends(self._model)
        self._size = prod(self._ends.input_shape)
        self._samples = inputs_of(samples, self._size)
        self._data, self._options = data, options
        self._folder = folder
        self._ezkl = Ezkl(folder, options.limits, say)
        (folder / ONNX_FILE).write_bytes(data)

    def run(self, parent: ModelCard | None) -> Made:
        """Raises CircuitError, SamplesError, SrsMissingError and the runner's errors."""
        scales, facts = self._scaled()
        prover, srs, facts = self._keyed(scales, facts)
        description = self._describe(prover, srs, facts)
        accuracy = measure(self._model, prover, facts, self._samples)
        return Made(self._bundle(description, facts, accuracy, srs, parent), accuracy)

    # --- scales and size ----------------------------------------------------------------------

    def _scaled(self) -> tuple[tuple[int, int], Facts]:
        """Scales of input and weights under which the samples stay in range, and what follows."""
        if self._options.scale is not None:
            scales = self._scales(self._options.scale)
            return scales, self._tried(scales)
        for scale in SCALES:
            try:
                self._tried(self._scales(scale + _HEADROOM))
                return self._scales(scale), self._tried(self._scales(scale))
            except EzklFailedError as error:
                last = error
        raise CircuitError(f"no scale keeps the samples in range: {last.message}")

    def _scales(self, scale: int) -> tuple[int, int]:
        given = self._options.input_scale
        return (scale if given is None else given), scale

    def _tried(self, scales: tuple[int, int]) -> Facts:
        """Raises EzklFailedError when a sample leaves the range."""
        facts = self._settle(scales, _WIDEST)
        prover = Prover(self._folder, Path(), self._ezkl)
        prover.witnesses([integers(sample, facts.input_scale) for sample in self._samples])
        return facts

    def _settle(self, scales: tuple[int, int], k: int) -> Facts:
        """Settings and the compiled circuit."""
        public = self._size <= MOST_PUBLIC
        given = self._options.input or (Binding.PUBLIC if public else Binding.POLYCOMMIT)
        args = settings.run_args(given, self._options.weights, scales, k, self._ends.batch)
        paths = {"model": ONNX_FILE, "output": SETTINGS_FILE, "py_run_args": args}
        self._ezkl.run(Step("gen_settings", paths))
        path = self._folder / SETTINGS_FILE
        path.write_bytes(settings.canonical(path.read_bytes()))
        self._ezkl.run(*Prover(self._folder, Path(), self._ezkl).compiling())
        return settings.facts(path.read_bytes())

    def _keyed(self, scales: tuple[int, int], facts: Facts) -> tuple[Prover, Srs, Facts]:
        """With as few rows as the circuit fits in."""
        tree = settings.read((self._folder / SETTINGS_FILE).read_bytes())
        rows = max(int(tree["num_rows"]), *(tree["module_sizes"]["polycommit"] or [0]))
        least = max((rows + _SPARE_ROWS - 1).bit_length(), 8)
        for k in range(least, least + _MORE_K):
            facts = self._settle(scales, k)
            srs = self._srs(k)
            prover = Prover(self._folder, srs.path, self._ezkl)
            try:
                prover.prepare()
            except EzklFailedError as error:
                last = error
                continue
            return prover, srs, facts
        raise CircuitError(f"{rows} rows don't fit: {last.message}")

    def _srs(self, k: int) -> Srs:
        """The ceremony's when it is there or asked for, else a development one."""
        wanted = self._options.srs
        if wanted is not Kind.DEVELOPMENT:
            try:
                return ceremony(self._options.srs_folder, k)
            except SrsMissingError:
                if wanted is Kind.CEREMONY:
                    raise
        return development(self._folder / SRS_FILE, k, self._ezkl)

    # --- what comes of it ---------------------------------------------------------------------

    def _describe(self, prover: Prover, srs: Srs, facts: Facts) -> Description:
        built = prover.program()
        (self._folder / PROGRAM_FILE).write_bytes(built.program.code())
        circuit = circuit_of(
            prover, facts, built.program.code_hash(), setup_hash(built.neg_tau_g2), self._size
        )
        (version,) = self._ezkl.run(Step("version", {})).results
        return Description(circuit, built.neg_tau_g2, version, facts.k, srs.sha256)

    def _bundle(
        self,
        description: Description,
        facts: Facts,
        accuracy: Accuracy,
        srs: Srs,
        parent: ModelCard | None,
    ) -> Bundle:
        whole = is_whole(parent, facts)
        wrapped = wrap.wrap(self._model, facts.input_scale, facts.output_scale, whole)
        (self._folder / CIRCUIT_FILE).write_bytes(description.to_json())
        names = [ONNX_FILE, SETTINGS_FILE, KEY_FILE, CIRCUIT_FILE, PROGRAM_FILE]
        names += [SRS_FILE] if srs.kind is Kind.DEVELOPMENT else []
        files = {name: (self._folder / name).read_bytes() for name in names}
        card = child_card(
            self._ends, description, facts, files, accuracy, parent, self._options.name, wrapped
        )
        found = gather(card, lambda name, cid: files[name])
        extra = {MODEL_FILE: wrapped, CARD_FILE: card.canonical()}
        return Bundle(card, {**found.files, **extra}, found.description, found.facts)


def circuit_of(prover: Prover, facts: Facts, program: bytes, setup: bytes, size: int) -> Circuit:
    """The artifact of a prepared circuit. The commitment to weights is read from a proof, which is
    of zeros: it is the same in all of them."""
    zeros = [0] * size
    points = prover.points(zeros)
    if max(points.input_points, points.weight_points) > 1:
        raise CircuitError("input or weights need more than one point of a commitment")
    weights = NO_WEIGHTS
    proof = prover.prove(zeros)
    prover.verify()
    if points.weight_points:
        first = 64 * points.input_points
        weights = keccak(proof.data[first : first + 64 * points.weight_points])
    return Circuit(
        VERSION,
        setup,
        program,
        weights,
        facts.inputs,
        points.input_points,
        points.weight_points,
        facts.outputs,
        facts.input_scale,
        facts.output_scale,
    )


def is_whole(parent: ModelCard | None, facts: Facts) -> bool:
    """Whether the float model's own wire integers are the circuit's."""
    if parent is None or facts.input_scale or len(parent.inputs) != 1:
        return False
    return parent.inputs[0].wire[0] in "iu"


def make(
    data: bytes,
    samples: Sequence[Array],
    options: Options = PLAIN,
    parent: ModelCard | None = None,
    say: Callable[[str], None] = lambda step: None,
) -> Made:
    """``data``: the float model's ONNX file, ``parent`` its card, ``samples`` inputs of it,
    each an array, or several on its first axis."""
    with Scratch(SCRATCH) as name:
        return Setup(Path(name), data, samples, options, say).run(parent)
