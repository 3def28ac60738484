# SPDX-License-Identifier: Apache-2.0
"""What must hold before this program says on chain that a model is what its record says."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path

from offchain_workers.chain.contracts.opml import OPML
from offchain_workers.chain.contracts.teeml_verifier import TEEML
from offchain_workers.chain.contracts.zkml import ZKML
from offchain_workers.cli.bundle_files import fetch_bundle
from offchain_workers.cli.circuits import rederive
from offchain_workers.cli.model_files import ModelFiles
from offchain_workers.cli.network import Connection
from offchain_workers.cli.output import cell
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.errors import FusionError
from offchain_workers.models import ModelCard
from offchain_workers.models.catalog import PublishedModel
from offchain_workers.models.vouching import note_checked
from offchain_workers.units import Wei
from verifiers.base import VERDICTS
from verifiers.teeml.market import policy_of, verifier_of

_KNOWN = (OPML, TEEML, ZKML)


def check_stake(connection: Connection, model: PublishedModel, attester: str) -> None:
    """Raises MN-CLI-017 for too little stake, MN-CLI-018 when the attestation stands already."""
    network = connection.network
    operator = network.subnets.operator(attester)
    stake, needed = operator.stake if operator else 0, int(network.models.read("ATTEST_STAKE"))
    if stake < needed:
        raise FusionError(
            "MN-CLI-017",
            f"{attester} has {cell(Wei(stake))} at stake, an attestation needs {cell(Wei(needed))}",
        )
    if network.models.attested_at(model.model_id, attester):
        raise FusionError("MN-CLI-018", f"{attester} attests this model already")


def check_model(connection: Connection, model: PublishedModel) -> ModelCard:
    """Fetch a model by its hashes, load it as a worker would, derive its artifacts again.

    A compiled one that comes out is noted: this machine's workers and watchers believe it then.
    A policy of enclaves has to exist; whose software its measurements are, nobody can derive.
    Raises StoreError, InvalidCardError, PolicyRefusedError, EngineError, MN-CLI-024 for artifacts
    that this version can't derive, MN-CLI-030 when one comes out otherwise, and the compiler's
    errors.
    """
    unknown = [selector for selector in model.artifacts if selector not in _KNOWN]
    if unknown:
        methods = ", ".join("0x" + selector.hex() for selector in unknown)
        raise FusionError(
            "MN-CLI-024", f"this version can't re-derive the model's artifacts (methods {methods})"
        )
    limit = connection.settings.engine.max_onnx_bytes
    card = connection.catalog.card(model)
    files = ModelFiles(card, connection.catalog.onnx(model, limit))
    EmbeddedEngine("cpu", max_onnx_bytes=limit).load(files.spec, files.onnx).close()
    if OPML in model.artifacts:
        _recompile(connection, model)
    if ZKML in model.artifacts:
        rederive(connection, model, card)
    if TEEML in model.artifacts:
        network = connection.network
        policy_of(network, verifier_of(network), model.artifacts[TEEML])
    if model.artifacts:
        note_checked(connection.settings.storage.folder / VERDICTS, model.model_id)
    return card


def _recompile(connection: Connection, model: PublishedModel) -> None:
    """The bundle again from its parent's ONNX file and card; its program and card must come out."""
    if importlib.util.find_spec("onnx") is None:
        raise FusionError("MN-OPML-008", "onnx is not installed: pip install model-network[opml]")
    from verifiers.opml.compiler.checking import check

    parent = connection.model("0x" + model.parent.hex())
    onnx = connection.catalog.onnx(parent, connection.settings.engine.max_onnx_bytes)
    with tempfile.TemporaryDirectory() as name:
        fetch_bundle(connection, model, Path(name))
        found = check(Path(name), onnx, connection.catalog.card(parent)).artifact_id()
    if found != model.artifacts[OPML]:
        raise FusionError(
            "MN-CLI-030",
            f"the bundle is of artifact 0x{found.hex()}, the record names "
            f"0x{model.artifacts[OPML].hex()}",
        )
