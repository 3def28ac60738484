# SPDX-License-Identifier: Apache-2.0
"""`fusion model`: publish, list, show, check, attest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain_workers.cli import arguments
from offchain_workers.cli.arguments import ModelRef, Signer
from offchain_workers.cli.output import emit, fields, table
from offchain_workers.cli.run import Run, command
from offchain_workers.errors import FusionError

if TYPE_CHECKING:
    from offchain_workers.chain.contracts import ModelRecord, Models
    from offchain_workers.cli.model_files import ModelFiles
    from offchain_workers.cli.network import Connection
    from offchain_workers.config import Settings

group = typer.Typer(no_args_is_help=True, help="Publish, find and vouch for models.")

_PUBLISHED = {
    "id": "Model",
    "config": "For a config",
    "name": "Name",
    "royalty": "Royalty",
    "uri": "Files at",
    "samples": "Samples",
}
_MAX_URI = 256


Source = Annotated[
    Path,
    typer.Argument(
        metavar="ONNX|DIR", help="The model, one ONNX file, or a compiled model's folder."
    ),
]
Card = Annotated[
    Path | None,
    typer.Option("--card", metavar="FILE", help="Its card, JSON (a folder has its own)."),
]
Samples = Annotated[
    list[Path] | None,
    typer.Option("--sample", metavar="FILE", help="Run this input first; may be repeated."),
]
Royalty = Annotated[
    str, typer.Option("--royalty", metavar="SHARE", help="Your share of each price: 5%.")
]
Uri = Annotated[
    str | None,
    typer.Option(
        "--uri", metavar="URL", help="Where others fetch the files (default: worker.public_url)."
    ),
]
Parent = Annotated[
    str | None,
    typer.Option(
        "--parent",
        metavar="MODEL",
        help="The float model of a compiled one (default: found by its ONNX file).",
    ),
]
TeemlPolicy = Annotated[
    str | None,
    typer.Option(
        "--teeml-policy",
        metavar="POLICY",
        help="Let enclaves of this policy answer, under method teeml.",
    ),
]


@command(group, "publish")
def publish(
    run: Run,
    source: Source,
    card: Card = None,
    sample: Samples = None,
    royalty: Royalty = "0%",
    uri: Uri = None,
    parent: Parent = None,
    teeml_policy: TeemlPolicy = None,
    account: Signer = None,
) -> None:
    """Check a model against its card, store its files, and list it on the chain."""
    from offchain_workers.cli.circuits import place
    from offchain_workers.cli.model_view import method_name
    from offchain_workers.cli.network import connect, open_store
    from offchain_workers.cli.progress import warn
    from offchain_workers.cli.sending import Sender
    from offchain_workers.config.values import model_reference

    share = arguments.basis_points(royalty)
    settings = run.settings()
    where = _checked_uri(uri or settings.worker.public_url or "")
    files = _files(source, card, settings.engine.max_onnx_bytes)
    answers = _try(run, settings, files, sample or [])
    connection = connect(run, account)
    models = connection.network.models
    sender = Sender(connection)
    record = _record(connection, files, share, parent, teeml_policy)
    model_id = _unpublished(models, sender.address, record)
    files.store(open_store(connection.settings))
    if files.circuit is not None:
        place(connection, sender, files.circuit)
    sender.send("publish", models.publish(record, where))
    if not where:
        warn("no --uri: nobody but this machine knows where the files are, and none can be added")
    data = sender.result(
        id=model_id,
        config=model_reference(model_id),
        name=files.card.name,
        royalty=f"{share / 100:g}%",
        royalty_bps=share,
        onnx=record.onnx_hash,
        card=record.card_hash,
        parent=record.parent if any(record.parent) else None,
        artifacts={method_name(selector): a for selector, a in record.artifacts.items()},
        uri=where or None,
        checked=answers is not None,
        samples=answers or [],
    )
    emit(run, data, lambda: fields(data | {"samples": _labels(data["samples"])}, _PUBLISHED))


@command(group, "list")
def list_models(run: Run) -> None:
    """List the published models: who vouches for them, and who runs them now."""
    from offchain_workers.cli.model_view import summaries
    from offchain_workers.cli.network import connect

    rows = summaries(connect(run))
    columns = {
        "name": "Name",
        "task": "Task",
        "royalty": "Royalty",
        "attested": "Attesters",
        "held": "Holders",
        "publisher": "Publisher",
        "id": "Model",
    }
    empty = "no model is published; publish one with: fusion model publish ONNX --card CARD"
    emit(run, {"models": rows}, lambda: table(rows, columns) if rows else empty)


@command(group, "show")
def show(run: Run, model: ModelRef) -> None:
    """Show a model: its card, who vouches for it, and every live offer."""
    from offchain_workers.cli.model_view import details, view
    from offchain_workers.cli.network import connect

    data = details(connect(run), model)
    emit(run, data, lambda: view(data))


@command(group, "attest")
def attest(run: Run, model: ModelRef, account: Signer = None) -> None:
    """Fetch a model, check all of it, and vouch for it with your stake."""
    from offchain_workers.cli.attestation import check_model, check_stake
    from offchain_workers.cli.network import connect
    from offchain_workers.cli.progress import waiting
    from offchain_workers.cli.sending import Sender

    connection = connect(run, account)
    found = connection.model(model)
    sender = Sender(connection)
    check_stake(connection, found, sender.address)
    with waiting(run, "fetching and loading the model"):
        card = check_model(connection, found)
    sender.send("attest", connection.network.models.attest(found.model_id))
    data = sender.result(id=found.model_id, name=card.name, attester=sender.address)
    emit(run, data, lambda: fields(data, {"name": "Name", "attester": "Attester", "id": "Model"}))


@command(group, "check")
def check(run: Run, model: ModelRef) -> None:
    """Fetch a model and check all of it, as for an attestation; nothing is sent.

    Compiled models that come out are believed by workers and watchers with this configuration.
    """
    from offchain_workers.cli.attestation import check_model
    from offchain_workers.cli.network import connect
    from offchain_workers.cli.progress import waiting

    connection = connect(run)
    found = connection.model(model)
    with waiting(run, "fetching and loading the model"):
        card = check_model(connection, found)
    data = {"id": found.model_id, "name": card.name, "checked": True}
    emit(run, data, lambda: fields(data, {"name": "Name", "checked": "Checked", "id": "Model"}))


@command(group, "retract")
def retract(run: Run, model: ModelRef, account: Signer = None) -> None:
    """Take your attestation of a model back."""
    from offchain_workers.cli.network import connect
    from offchain_workers.cli.sending import Sender

    connection = connect(run, account)
    found = connection.model(model)
    sender = Sender(connection)
    models = connection.network.models
    if not models.attested_at(found.model_id, sender.address):
        raise FusionError("MN-CLI-018", f"{sender.address} does not attest this model")
    sender.send("retract", models.retract(found.model_id))
    data = sender.result(id=found.model_id, attester=sender.address)
    emit(run, data, lambda: fields(data, {"attester": "Attester", "id": "Model"}))


def _files(source: Path, card: Path | None, limit: int) -> ModelFiles:
    from offchain_workers.cli.bundle_files import read_bundle
    from offchain_workers.cli.model_files import read_files

    if source.is_dir():
        return read_bundle(source, limit)
    if card is None:
        raise FusionError("MN-CLI-021", f"{source} needs its card: --card FILE")
    return read_files(source, card, limit)


def _record(
    connection: Connection, files: ModelFiles, share: int, parent: str | None, policy: str | None
) -> ModelRecord:
    from offchain_workers.chain.contracts import ModelRecord
    from offchain_workers.cli.bundle_files import parent_of
    from offchain_workers.cli.teeml_policy import known_policy

    wants_parent = files.artifacts or parent is not None
    return ModelRecord(
        files.onnx_hash,
        files.card_hash,
        royalty_bps=share,
        parent=parent_of(connection, files, parent) if wants_parent else bytes(32),
        artifacts={**files.artifacts, **(known_policy(connection, policy) if policy else {})},
    )


def _unpublished(models: Models, publisher: str, record: ModelRecord) -> bytes:
    """The id that it gets. Raises MN-CLI-014."""
    model_id = models.model_id(publisher, record)
    if models.publisher(model_id):
        raise FusionError("MN-CLI-014", f"{publisher} published it already: 0x{model_id.hex()}")
    return model_id


def _try(
    run: Run, settings: Settings, files: ModelFiles, samples: list[Path]
) -> list[dict[str, Any]] | None:
    from offchain_workers.cli.model_files import try_model
    from offchain_workers.cli.progress import waiting, warn

    with waiting(run, f"loading {files.card.name}"):
        answers = try_model(settings, files, samples)
    if answers is None:
        warn("onnxruntime is not installed: the model was not checked against its card")
    return answers


def _checked_uri(uri: str) -> str:
    if not uri:
        return ""
    from offchain_workers.storage.addresses import check_base_url

    checked = str(check_base_url(uri))
    if len(checked.encode()) > _MAX_URI:
        raise FusionError("MN-CLI-006", f"the URI has more than {_MAX_URI} bytes")
    return checked


def _labels(answers: list[dict[str, Any]]) -> list[str] | None:
    return [f"{answer['input']}: {answer.get('label', answer)}" for answer in answers] or None
