# SPDX-License-Identifier: Apache-2.0
"""`fusion zkml`: make a circuit of a float model, prove with it, verify, and check a bundle."""

from __future__ import annotations

import importlib.util
import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain_workers.cli.files import read, read_card
from offchain_workers.cli.output import emit, fields
from offchain_workers.cli.run import Run, command
from offchain_workers.errors import FusionError

if TYPE_CHECKING:
    from offchain_workers.models import ModelCard
    from verifiers.zkml.bundle import Bundle
    from verifiers.zkml.runner import Limits
    from verifiers.zkml.setup import Options

group = typer.Typer(no_args_is_help=True, help="Circuits for method zkml: make, prove, verify.")
artifacts = typer.Typer(no_args_is_help=True, help="Bundles of circuits.")
group.add_typer(artifacts, name="artifacts")

_FACTS = {
    "bundle": "Bundle",
    "name": "Name",
    "artifact": "Artifact",
    "program": "Program",
    "input": "Input",
    "weights": "Weights",
    "rows": "Rows",
    "setup": "Setup",
    "items": "Measured on, items",
    "top1_agreement": "Agrees with the float model",
    "worst_error": "Worst error",
    "derived": "Made again",
}
_PROVED = {"out": "Proof", "bytes": "Bytes", "seconds": "Seconds", "outputs": "Outputs"}


class Bound(StrEnum):
    """How input or weights are bound; which fits where is checked."""

    PUBLIC = "public"
    FIXED = "fixed"
    POLYCOMMIT = "polycommit"


Bundled = Annotated[Path, typer.Argument(metavar="DIR", help="A circuit's folder.")]
Seconds = Annotated[float, typer.Option(help="Longest time of one run of ezkl.")]
Memory = Annotated[float, typer.Option(help="Most memory of one run of ezkl, in GiB.")]
Threads = Annotated[int, typer.Option(min=0, help="Threads of ezkl (0: one a core).")]
SrsFolder = Annotated[
    Path | None,
    typer.Option("--srs", metavar="DIR", help="The ceremony's files (default: ~/.ezkl/srs)."),
]


@command(group, "setup")
def setup(
    run: Run,
    onnx: Annotated[Path, typer.Argument(metavar="ONNX", help="The float model.")],
    sample: Annotated[Path, typer.Option("--sample", metavar="FILE", help="Inputs, JSON or .npz.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the bundle goes.")],
    card: Annotated[
        Path | None, typer.Option("--card", metavar="FILE", help="The float model's card, JSON.")
    ] = None,
    name: Annotated[
        str,
        typer.Option("--name", help="The circuit's model's name (default: the card's or file's)."),
    ] = "",
    input_: Annotated[
        Bound | None, typer.Option("--input", help="public, or polycommit (default: by size).")
    ] = None,
    weights: Annotated[
        Bound, typer.Option(help="fixed, or polycommit: one program for many fine-tunes.")
    ] = Bound.FIXED,
    scale: Annotated[
        int | None, typer.Option(min=0, max=20, help="Binary digits after the point.")
    ] = None,
    input_scale: Annotated[
        int | None, typer.Option(min=0, max=20, help="Those of the input; 0: whole numbers.")
    ] = None,
    srs: SrsFolder = None,
    ceremony: Annotated[
        bool, typer.Option("--ceremony", help="Fail rather than make a development setup.")
    ] = False,
    seconds: Seconds = 600,
    memory: Memory = 16,
    threads: Threads = 0,
) -> None:
    """Make a circuit, its keys, and the program for the chain; measure it on the samples.

    Nothing is downloaded: without the ceremony's file a development setup is made, which only
    development chains take.
    """
    _need()
    from offchain_workers.cli.progress import warn
    from verifiers.zkml.srs import Kind

    name = name or ("" if card else _named_after(onnx))
    options = _options(input_, weights, scale, input_scale, name, srs, ceremony)
    made = _make(run, onnx, sample, read_card(card), options, _limits(seconds, memory, threads))
    made.write(out)
    if made.description.kind is Kind.DEVELOPMENT:
        warn("development setup: whoever has its secret can prove anything; not for production")
    data = _facts(made) | {"bundle": out, **made.card.accuracy}
    emit(run, data, lambda: fields(data, _FACTS))


@command(group, "prove")
def prove(
    run: Run,
    bundle: Bundled,
    sample: Annotated[Path, typer.Option("--input", metavar="FILE", help="For the codec.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the proof goes.")],
    srs: SrsFolder = None,
    seconds: Seconds = 600,
    memory: Memory = 16,
    threads: Threads = 0,
) -> None:
    """Prove the model's answer to one input, as a worker does."""
    _need()
    from offchain_workers.cli.proving import prove_with

    data = prove_with(run, bundle, sample, out, srs, _limits(seconds, memory, threads))
    emit(run, data, lambda: fields(data, _PROVED))


@command(group, "verify")
def verify(
    run: Run,
    bundle: Bundled,
    proof: Annotated[Path, typer.Argument(metavar="PROOF", help="Of `fusion zkml prove`.")],
    srs: SrsFolder = None,
) -> None:
    """Verify a proof with the bundle's key; exit code 1 when it is none."""
    _need()
    from offchain_workers.cli.proving import verify_with

    data = verify_with(run, bundle, proof, srs)
    emit(run, data, lambda: fields(data, {"proof": "Proof", "outputs": "Outputs"}))


@command(artifacts, "verify")
def verify_artifacts(
    run: Run,
    bundle: Bundled,
    onnx: Annotated[
        Path | None,
        typer.Option("--onnx", metavar="ONNX", help="The float model (default: the bundle's)."),
    ] = None,
    card: Annotated[
        Path | None, typer.Option("--card", metavar="FILE", help="The float model's card, JSON.")
    ] = None,
    srs: SrsFolder = None,
    seconds: Seconds = 600,
    memory: Memory = 16,
    threads: Threads = 0,
) -> None:
    """Make a bundle's circuit, key and program again from ONNX, settings and setup, and compare."""
    _need()
    from offchain_workers.cli.progress import waiting
    from verifiers.zkml import bundle as bundles
    from verifiers.zkml.bundle import MODEL_FILE
    from verifiers.zkml.checking import check
    from verifiers.zkml.prover import ONNX_FILE
    from verifiers.zkml.srs import FOLDER

    found = bundles.read(bundle)
    data_ = read(onnx) if onnx else found.files[ONNX_FILE]
    limits = _limits(seconds, memory, threads)
    with waiting(run, "making the circuit again") as report:
        wrapped = read(bundle / MODEL_FILE)
        check(found, data_, wrapped, read_card(card), report, srs or FOLDER, limits)
    data = _facts(found) | {"bundle": bundle, "derived": True}
    emit(run, data, lambda: fields(data, _FACTS))


def _named_after(onnx: Path) -> str:
    return "-".join([*re.findall("[a-z0-9]+", onnx.stem.lower()), "zkml"])[-64:].lstrip("-")


def _options(
    input_: Bound | None,
    weights: Bound,
    scale: int | None,
    input_scale: int | None,
    name: str,
    srs: Path | None,
    ceremony: bool,
) -> Options:
    from verifiers.zkml.settings import Binding
    from verifiers.zkml.setup import Options
    from verifiers.zkml.srs import FOLDER, Kind

    return Options(
        input=None if input_ is None else Binding(input_),
        weights=Binding(weights),
        scale=scale,
        input_scale=input_scale,
        name=name,
        srs=Kind.CEREMONY if ceremony else None,
        srs_folder=srs or FOLDER,
    )


def _make(
    run: Run,
    onnx: Path,
    sample: Path,
    card: ModelCard | None,
    options: Options,
    limits: Limits,
) -> Bundle:
    from dataclasses import replace

    from offchain_workers.cli.progress import waiting
    from verifiers.zkml.samples import read_samples
    from verifiers.zkml.setup import make

    samples = read_samples(sample)
    with waiting(run, "making the circuit") as report:
        return make(read(onnx), samples, replace(options, limits=limits), card, report).bundle


def _facts(found: Bundle) -> dict[str, Any]:
    return {
        "name": found.card.name,
        "artifact": found.artifact_id,
        "program": found.circuit.program,
        "input": found.facts.input.value,
        "weights": found.facts.weights.value,
        "rows": 1 << found.facts.k,
        "setup": found.description.kind.value,
        "ezkl": found.description.ezkl,
    }


def _limits(seconds: float, memory: float, threads: int) -> Limits:
    from verifiers.zkml.runner import Limits

    return Limits(seconds, int(memory * (1 << 30)), threads)


def _need() -> None:
    missing = [name for name in ("ezkl", "onnx") if importlib.util.find_spec(name) is None]
    if missing:
        raise FusionError(
            "MN-ZK-001", f"{missing[0]} is not installed: pip install model-network[zk]"
        )
