# SPDX-License-Identifier: Apache-2.0
"""What supervision costs a proof: our runner beside the shortest program that calls ezkl."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import Any, NamedTuple

import numpy as np

from benchmarks import machine
from benchmarks.throughput import Figure
from benchmarks.zkml.networks import LENET_PIXELS, committed
from offchain_workers.localnet.zkml import make_circuit
from offchain_workers.models.demo import digits_mlp
from verifiers.zkml import bundle
from verifiers.zkml.bundle import SRS_FILE
from verifiers.zkml.circuit import felt
from verifiers.zkml.keys import prepared
from verifiers.zkml.method import values_of
from verifiers.zkml.prover import Prover
from verifiers.zkml.runner import Ezkl, Step
from verifiers.zkml.runner.supervise import Outcome
from verifiers.zkml.setup import Options, make
from verifiers.zkml.srs import FOLDER

ROUNDS = 3
MOST_OVERHEAD, MOST_MEMORY = 1.1, 150
VALUES = [i % 128 for i in range(LENET_PIXELS)]
# As short as a caller of ezkl can be.
BARE = """
import ezkl, sys
ezkl.gen_witness(data="input.json", model="circuit.ezkl", output="witness.json",
                 vk_path="vk.key", srs_path=sys.argv[1])
ezkl.prove(witness="witness.json", model="circuit.ezkl", pk_path="pk.key",
           proof_path="proof.json", srs_path=sys.argv[1])
"""


class Took(NamedTuple):
    """Seconds: on the clock, and of processors, those of ended children included."""

    wall: float
    cpu: float


class Weighed(Ezkl):
    """Remembers the most memory that a process of ezkl had, in bytes."""

    peak = 0

    def run(self, *steps: Step) -> Outcome:
        """As the supervised runner."""
        found = super().run(*steps)
        self.peak = max(self.peak, found.peak)
        return found


def measure(say: Callable[[str], None] = lambda step: None) -> dict[str, Any]:
    """The document of zkml-speed.json: the best of some rounds, by turns."""
    meta = machine.facts()
    with tempfile.TemporaryDirectory() as name:
        say("lenet: making the circuit")
        prover = lenet_prover(Path(name))
        say("lenet: proving")
        ours, bare = compare(prover, ROUNDS)
    say("digits: proving")
    peak = digits_peak()
    meta["load"] += f", {machine.load()} after"
    figures = [
        Figure("lenet: wall time, ours / bare ezkl", ratio(ours, bare, 0), most=MOST_OVERHEAD),
        Figure("lenet: processor time, ours / bare ezkl", ratio(ours, bare, 1)),
        Figure("lenet: seconds a proof, ours", round(min(ours).wall, 1)),
        Figure("digits: most memory of a proof, MB", round(peak / 1e6, 1), most=MOST_MEMORY),
    ]
    rounds = {"ours": [took._asdict() for took in ours], "bare": [took._asdict() for took in bare]}
    return {"meta": meta, "figures": [one.document() for one in figures], "rounds": rounds}


def lenet_prover(folder: Path) -> Prover:
    """Of a LeNet on 28x28 pixels whose input is committed to, with its keys, in ``folder``."""
    pixels = np.random.default_rng(0).random(LENET_PIXELS)
    options = Options(scale=7, input_scale=7, name="lenet")
    return prepared(make(committed("lenet"), [pixels], options).bundle, folder)


def compare(prover: Prover, rounds: int) -> tuple[list[Took], list[Took]]:
    """Proofs by our runner and without it, in turn, after one that nobody times."""
    prover.prove(VALUES)
    ours, bare = [], []
    for _ in range(rounds):
        ours.append(timed(lambda: prover.prove(VALUES)))
        _give(prover.folder, VALUES)
        bare.append(timed(lambda: _prove_bare(prover.folder)))
    return ours, bare


def ratio(ours: Sequence[Took], bare: Sequence[Took], which: int) -> float:
    """Of the best of each."""
    return round(min(took[which] for took in ours) / min(took[which] for took in bare), 3)


def digits_peak() -> int:
    """Bytes that a proof of the demo's digits takes at most."""
    model = digits_mlp()
    with tempfile.TemporaryDirectory() as name:
        folder, place = Path(name) / "bundle", Path(name) / "prover"
        place.mkdir()
        make_circuit(model, folder)
        found, ezkl = bundle.read(folder), Weighed(place)
        prover = prepared(found, place, FOLDER, ezkl)
        ezkl.peak = 0  # of the proof alone
        prover.prove(values_of(found.card, model.samples[0][1]))
    return ezkl.peak


def timed(work: Callable[[], object]) -> Took:
    began, before = time.monotonic(), _processors()
    work()
    return Took(round(time.monotonic() - began, 3), round(_processors() - before, 3))


def _processors() -> float:
    used = [getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _prove_bare(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", BARE, SRS_FILE], cwd=folder, check=True)


def _give(folder: Path, values: Sequence[int]) -> None:
    """The file that our runner removes after each proof."""
    words = [felt(value).to_bytes(32, "little").hex() for value in values]
    (folder / "input.json").write_text(json.dumps({"input_data": [words]}))
