# SPDX-License-Identifier: Apache-2.0
"""`fusion model evaluate`: is a model as good as its card says?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain_workers.cli import files
from offchain_workers.cli.output import emit, fields
from offchain_workers.cli.progress import counting
from offchain_workers.cli.run import Run, command

if TYPE_CHECKING:
    from offchain_workers.evaluation.run import Evaluation
    from offchain_workers.models import ModelCard

_LABELS = {
    "name": "Model",
    "suite": "Suite",
    "right": "Right",
    "items": "Of",
    "quality": "Quality",
    "refused": "Inputs refused",
    "infer_ms": "Milliseconds an item",
    "stated": "The card says",
    "verdict": "Verdict",
}


def add_to(group: typer.Typer) -> None:
    """Register the command."""
    command(group, "evaluate")(evaluate)


def evaluate(
    run: Run,
    model: Annotated[
        str, typer.Argument(metavar="MODEL|ONNX", help="A published model, or a file with --card.")
    ],
    card: Annotated[
        Path | None, typer.Option("--card", metavar="FILE", help="The file's card, JSON.")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write the figures into the card (with --card).")
    ] = False,
) -> None:
    """Run the suite of a model's task, and compare with the figures in its card.

    The router takes a model's quality from its card. Exits with 1 (MN-ROUTE-021) if they differ.
    """
    from offchain_workers.evaluation.run import difference

    if write and card is None:
        raise typer.BadParameter("--write goes with --card")
    found_card, onnx = _local(Path(model), card, run) if card else _published(run, model)
    found = _evaluated(run, found_card, onnx)
    problem = None if write else difference(found_card, found)
    if write and card is not None:
        _write(card, found_card, found)
    data = _document(found_card, found, problem)
    emit(run, data, lambda: fields(data, _LABELS))
    if problem is not None and run.as_json:
        raise typer.Exit(1)  # the document says so
    if problem is not None:
        from offchain_workers.evaluation.errors import OtherQualityError

        raise OtherQualityError(f"{found_card.name}: {problem}")


def _local(onnx: Path, card: Path, run: Run) -> tuple[ModelCard, bytes]:
    from offchain_workers.cli.model_files import read_files

    files = read_files(onnx, card, run.settings().engine.max_onnx_bytes)
    return files.card, files.onnx


def _published(run: Run, model: str) -> tuple[ModelCard, bytes]:
    from offchain_workers.cli.network import connect

    connection = connect(run)
    found = connection.model(model)
    card = connection.catalog.card(found)
    limit = min(card.limits.max_onnx_bytes, connection.settings.engine.max_onnx_bytes)
    return card, connection.catalog.onnx(found, limit)


def _evaluated(run: Run, card: ModelCard, onnx: bytes) -> Evaluation:
    from offchain_workers.engines.embedded import EmbeddedEngine
    from offchain_workers.evaluation.run import evaluate
    from offchain_workers.evaluation.suite import suite_for
    from offchain_workers.models import ModelSpec
    from offchain_workers.storage import content_id

    suite = suite_for(card.task)
    engine = EmbeddedEngine("cpu", max_onnx_bytes=run.settings().engine.max_onnx_bytes)
    session = engine.load(ModelSpec(card, content_id(onnx)), onnx)
    try:
        with counting(run, f"running {suite.name}") as progress:
            return evaluate(card, session, suite, progress)
    finally:
        session.close()


def _write(path: Path, card: ModelCard, found: Evaluation) -> None:
    tree = json.loads(card.canonical())
    tree["accuracy"] = {**tree["accuracy"], **found.figures()}
    files.write(path, (json.dumps(tree, indent=2) + "\n").encode())


def _document(card: ModelCard, found: Evaluation, problem: str | None) -> dict[str, Any]:
    stated = card.accuracy.get("suite")
    return {
        "name": card.name,
        "suite": found.suite,
        "items": found.items,
        "right": found.right,
        "refused": found.refused,
        "quality": f"{found.quality_bp / 100:g} %",
        "quality_bp": found.quality_bp,
        "infer_ms": found.infer_ms,
        "figures": found.figures(),
        "stated": stated,
        "agrees": problem is None,
        "verdict": problem or ("as the card says" if stated else "the card says nothing"),
    }
