# SPDX-License-Identifier: Apache-2.0
"""`fusion opml`: compile a float model for optimistic verification, check a compiled one."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain_workers.cli.files import read, read_card
from offchain_workers.cli.output import emit, fields
from offchain_workers.cli.run import Run, command
from offchain_workers.errors import FusionError

if TYPE_CHECKING:
    from verifiers.opml.compiler.package import Package

group = typer.Typer(no_args_is_help=True, help="Compile models for method opml, and check them.")

_COMPILED = {
    "out": "Bundle",
    "artifact": "Artifact",
    "nodes": "Nodes",
    "weights_bytes": "Weights, bytes",
    "items": "Measured on, items",
    "top1_agreement": "Agrees with the float model",
    "worst_error": "Worst error",
    "weakest": "Weakest tensor",
}
_CHECKED = {"bundle": "Bundle", "artifact": "Artifact", "nodes": "Nodes", "compiled": "Recompiled"}

Onnx = Annotated[Path, typer.Argument(metavar="ONNX", help="The float model.")]


@command(group, "compile")
def compile_model(
    run: Run,
    onnx: Onnx,
    samples: Annotated[
        Path,
        typer.Option("--samples", metavar="FILE|DIR", help="Calibrate on: .npz, .npy, .json, DIR."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the bundle goes.")],
    test: Annotated[
        Path | None,
        typer.Option("--test", metavar="FILE|DIR", help="Other inputs, to measure accuracy on."),
    ] = None,
    card: Annotated[
        Path | None, typer.Option("--card", metavar="FILE", help="The float model's card, JSON.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="The compiled model's name.")] = "",
    output: Annotated[
        str, typer.Option("--output", help="The output to compile, if the model has several.")
    ] = "",
    percentile: Annotated[
        float,
        typer.Option("--percentile", min=50, max=100, help="Cut outliers of each tensor off here."),
    ] = 100.0,
    agreement: Annotated[
        float,
        typer.Option("--agreement", min=0, max=1, help="Fail below this top-1 agreement (0 to 1)."),
    ] = 0.0,
    window: Annotated[
        str,
        typer.Option("--window", help="How long a claim can be challenged (the market bounds it)."),
    ] = "1h",
    clock: Annotated[
        str, typer.Option("--clock", help="Each side's time in a game (the market bounds it).")
    ] = "1h",
) -> None:
    """Turn a float ONNX model into an integer program, its lowerings and an accuracy card."""
    _need_onnx()
    from offchain_workers.units import parse_duration
    from verifiers.opml.compiler.compile import Options

    _need_room(out)
    times = {"window": parse_duration(window), "clock": parse_duration(clock)}
    options = Options(output=output, percentile=percentile, **times)
    package = _build(run, onnx, samples, test, read_card(card), name, options)
    _need_agreement(package.accuracy.agreement, agreement)
    try:
        package.write(out)
    except OSError as error:
        raise _unwritable(out, error.strerror) from error
    artifact = package.header.artifact_id()
    _note(run, package.files["model.onnx"], package.card.canonical(), artifact)
    data = _facts(package) | {"out": out}
    emit(run, data, lambda: fields(data | {"weakest": _weakest(package)}, _COMPILED))


@command(group, "check")
def check_bundle(
    run: Run,
    bundle: Annotated[Path, typer.Argument(metavar="DIR", help="A compiled model's folder.")],
    onnx: Annotated[
        Path | None,
        typer.Option("--onnx", metavar="ONNX", help="The float model: compile it again, compare."),
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option("--card", metavar="FILE", help="The float model's card, to compare with."),
    ] = None,
) -> None:
    """Check that a bundle's files belong together and that no number in it can overflow."""
    _need_onnx()
    from offchain_workers.cli.progress import waiting
    from verifiers.opml.compiler.checking import check

    with waiting(run, "checking the bundle"):
        header = check(bundle, None if onnx is None else read(onnx), read_card(card))
    if onnx is not None:
        files = read(bundle / "model.onnx"), read(bundle / "card.json")
        _note(run, *files, header.artifact_id())
    data = {
        "bundle": bundle,
        "artifact": header.artifact_id(),
        "nodes": header.node_count,
        "compiled": onnx is not None,
    }
    emit(run, data, lambda: fields(data, _CHECKED))


def _build(run: Run, onnx: Path, samples: Path, test: Path | None, *rest: Any) -> Package:
    from offchain_workers.cli.progress import waiting
    from verifiers.opml.compiler.package import build
    from verifiers.opml.compiler.samples import read_samples

    card, name, options = rest
    with waiting(run, "reading samples") as report:
        given = read_samples(samples, card)
        tests = [] if test is None else read_samples(test, card)
        return build(
            read(onnx),
            given,
            tests,
            parent=card,
            name=name,
            options=options,
            progress=lambda stage, done, total: report(f"{stage}: {done} of {total}"),
        )


def _facts(package: Package) -> dict[str, Any]:
    figures = package.accuracy.to_json()
    return {
        "artifact": package.header.artifact_id(),
        "nodes": package.header.node_count,
        "weights_bytes": len(package.files["weights.bin"]),
        "accuracy": figures,
        **{key: figures.get(key) for key in ("items", "top1_agreement", "worst_error")},
    }


def _weakest(package: Package) -> str | None:
    """Where quantisation drowned most of the signal: the first place to look at."""
    layers = package.accuracy.layers
    if not layers:
        return None
    name = min(layers, key=lambda name: layers[name])
    return f"{name}, signal over noise {layers[name]:.1f} dB"


def _need_agreement(found: float | None, wanted: float) -> None:
    from verifiers.opml.compiler.errors import AccuracyError

    if found is None and wanted > 0:
        raise AccuracyError("the model has one output: no top-1 agreement can be asked for")
    if found is not None and found < wanted:
        raise AccuracyError(f"top-1 agreement is {found:.4f}, asked for {wanted:g}")


def _need_room(out: Path) -> None:
    """Found out before the long work."""
    above = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not above.is_dir():
        raise _unwritable(out, f"{above} is not a folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise _unwritable(out, "permission denied")


def _unwritable(out: Path, why: str | None) -> FusionError:
    return FusionError("MN-CLI-032", f"can't write {out}: {why}")


def _note(run: Run, onnx: bytes, card: bytes, artifact: bytes) -> None:
    """Workers and watchers with this configuration believe the files when they are published."""
    from offchain_workers.chain.contracts.opml import OPML
    from offchain_workers.cli.progress import warn
    from offchain_workers.models.vouching import note_made
    from offchain_workers.storage import content_id
    from verifiers.base import VERDICTS

    folder = run.settings().storage.folder / VERDICTS
    try:
        note_made(folder, content_id(onnx), content_id(card), {OPML: artifact})
    except OSError as error:
        warn(f"not noted as checked in {folder}: {error.strerror}")


def _need_onnx() -> None:
    if importlib.util.find_spec("onnx") is None:
        raise FusionError("MN-OPML-008", "onnx is not installed: pip install model-network[opml]")
