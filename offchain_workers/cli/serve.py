# SPDX-License-Identifier: Apache-2.0
"""`fusion serve`: models over the Open Inference Protocol, without a market."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offchain_workers.cli.output import emit, fields
from offchain_workers.cli.run import Run, command

if TYPE_CHECKING:
    from offchain_workers.models import ModelCard
    from offchain_workers.serving import ServedModel

_DEMO = "demo:"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "serve")(serve)


def serve(
    run: Run,
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="A folder with model.onnx and card.json, a model of the market (id, first digits "
            "or name), or demo:NAME (digits, digits-mlp, digits-cnn, magika).",
        ),
    ],
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="0 picks one.")] = 8000,
) -> None:
    """Serve models over HTTP (Open Inference Protocol) until SIGTERM; no market is needed.

    Nobody is asked who they are: listen on other addresses only behind something that does.
    """
    from offchain_workers.serving import oip_app
    from offchain_workers.serving.server import listen
    from offchain_workers.serving.server import serve as serve_app

    served = list(_load(run, models))
    listening = listen(host, port)
    address, bound = listening.getsockname()[:2]
    shown = f"[{address}]" if ":" in address else address
    data = {"url": f"http://{shown}:{bound}", "models": [model.name for model in served]}
    emit(run, data, lambda: fields(data, {"url": "Serving at", "models": "Models"}))
    sys.stdout.flush()  # whoever started us reads the URL
    try:
        serve_app(oip_app(served), listening)
    finally:
        for model in served:
            model.close()


def _load(run: Run, names: Sequence[str]) -> Iterator[ServedModel]:
    from offchain_workers.cli.progress import waiting
    from offchain_workers.engines.build import build_engine
    from offchain_workers.models import ModelSpec
    from offchain_workers.serving import ServedModel
    from offchain_workers.storage import content_id

    settings = run.settings()
    engine = build_engine(settings.engine)
    for name in dict.fromkeys(names):
        with waiting(run, f"loading {name}"):
            card, onnx = _files(run, name, engine.provider)
            session = engine.load(ModelSpec(card, content_id(onnx)), onnx)
            yield ServedModel(card, session, settings.engine.max_batch)


def _files(run: Run, name: str, provider: str) -> tuple[ModelCard, bytes]:
    """Raises FusionError."""
    from offchain_workers.cli.model_files import read_files
    from offchain_workers.cli.network import connect
    from offchain_workers.models.lowering import onnx_for

    limit = run.settings().engine.max_onnx_bytes
    if name.startswith(_DEMO):
        return _demo(name.removeprefix(_DEMO))
    if "/" in name or Path(name).is_dir():
        files = read_files(Path(name) / "model.onnx", Path(name) / "card.json", limit)
        return files.card, files.onnx
    connection = connect(run)
    model = connection.model(name)
    card = connection.catalog.card(model)
    cid = onnx_for(card, model.onnx_cid, provider)
    return card, connection.catalog.blob(model, cid, limit)


def _demo(name: str) -> tuple[ModelCard, bytes]:
    """Raises ModelUnknownError, DemoModelError."""
    from offchain_workers.models import demo
    from offchain_workers.models.errors import ModelUnknownError

    makers = {
        "digits": demo.digits,
        "digits-mlp": demo.digits_mlp,
        "digits-cnn": demo.digits_cnn,
        "magika": demo.magika,
    }
    if name not in makers:
        raise ModelUnknownError(f"no demo model {name[:80]!r}, only {', '.join(makers)}")
    model = makers[name]()
    return model.card, model.onnx_bytes
