# SPDX-License-Identifier: Apache-2.0
"""A compiled model's folder, or a circuit's: read it for publishing, or fetch it to check it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from offchain_workers.chain.contracts.opml import OPML
from offchain_workers.chain.contracts.zkml import ZKML
from offchain_workers.cli.model_files import ModelFiles, read_files
from offchain_workers.cli.network import Connection
from offchain_workers.errors import FusionError
from offchain_workers.models import ModelCard
from offchain_workers.models.catalog import PublishedModel
from offchain_workers.models.lowering import manifest
from offchain_workers.storage import content_id
from verifiers.opml import bundle
from verifiers.zkml import bundle as circuits
from verifiers.zkml.bundle import CIRCUIT_FILE
from verifiers.zkml.prover import ONNX_FILE

MODEL_FILE, CARD_FILE, OPTIONS_FILE = "model.onnx", "card.json", "options.json"
_MAX_FILE = 1 << 31


def read_bundle(folder: Path, max_onnx_bytes: int) -> ModelFiles:
    """Raises MN-CLI-021, MN-OPML-006 when a file is not the one that the card lists, and the
    program's own errors: what has no certificate is not published."""
    if (folder / CIRCUIT_FILE).exists():
        return _read_circuit(folder, max_onnx_bytes)
    program = bundle.load(folder)
    program.certify()
    files = read_files(folder / MODEL_FILE, folder / CARD_FILE, max_onnx_bytes)
    listed = manifest(files.card, "opml")
    others = {name: _listed(folder, name, cid) for name, cid in listed.items()}
    needed = {bundle.HEADER_FILE, bundle.PROGRAM_FILE, bundle.WEIGHTS_FILE}
    if not needed <= others.keys():
        raise FusionError("MN-OPML-006", f"{CARD_FILE} does not list all of {sorted(needed)}")
    return replace(
        files,
        others=tuple(others.values()),
        artifacts={OPML: program.header.artifact_id()},
        compiled_from=_compiled_from(others.get(OPTIONS_FILE, b"")),
    )


def _read_circuit(folder: Path, max_onnx_bytes: int) -> ModelFiles:
    found = circuits.read(folder)
    files = read_files(folder / MODEL_FILE, folder / CARD_FILE, max_onnx_bytes)
    return replace(
        files,
        others=tuple(found.files.values()),
        artifacts={ZKML: found.artifact_id},
        compiled_from=content_id(found.files[ONNX_FILE]),
        circuit=found,
    )


def parent_of(connection: Connection, files: ModelFiles, reference: str | None) -> bytes:
    """Id of the float model: the one named, else the one whose ONNX file it was compiled from.

    A circuit's bundle has that file with it, so it may go without. Raises MN-CLI-029 when the float
    model is not published, or not what the bundle was compiled from.
    """
    wanted = files.compiled_from
    if reference is not None:
        found = connection.model(reference)
        if wanted not in (None, found.onnx_cid):
            raise FusionError(
                "MN-CLI-029", f"the bundle was compiled from {wanted}, not from {reference}"
            )
        return found.model_id
    alike = [model for model in connection.catalog.models if model.onnx_cid == wanted]
    if not alike and files.circuit is not None:
        return bytes(32)
    if not alike:
        raise FusionError(
            "MN-CLI-029",
            f"publish the float model first, the ONNX file {wanted} that this was compiled from: "
            "fusion model publish ONNX --card CARD",
        )
    return alike[0].model_id


def fetch_bundle(connection: Connection, model: PublishedModel, folder: Path) -> ModelCard:
    """All files of a published bundle, under their names. Raises StoreError, InvalidCardError."""
    catalog = connection.catalog
    card = catalog.card(model)
    for name, cid in manifest(card, "opml").items():
        if Path(name).name != name:
            raise FusionError("MN-OPML-006", f"the card lists a file {name[:80]!r}")
        (folder / name).write_bytes(catalog.blob(model, cid, _MAX_FILE))
    (folder / CARD_FILE).write_bytes(card.canonical())
    onnx = catalog.onnx(model, connection.settings.engine.max_onnx_bytes)
    (folder / MODEL_FILE).write_bytes(onnx)
    return card


def _listed(folder: Path, name: str, cid: str) -> bytes:
    if Path(name).name != name:
        raise FusionError("MN-OPML-006", f"{CARD_FILE} lists a file {name[:80]!r}")
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        raise FusionError("MN-CLI-021", f"can't read {name}: {error.strerror}") from error
    if content_id(data) != cid:
        raise FusionError("MN-OPML-006", f"{name} is not the file that {CARD_FILE} lists")
    return data


def _compiled_from(options: bytes) -> str | None:
    try:
        found = json.loads(options or b"{}").get("parent_onnx")
    except (ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None
