# SPDX-License-Identifier: Apache-2.0
"""What must hold before this program says on chain that a model is what its record says."""

from __future__ import annotations

from offchain_workers.cli.model_files import ModelFiles
from offchain_workers.cli.network import Connection
from offchain_workers.cli.output import cell
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.errors import FusionError
from offchain_workers.models import ModelCard
from offchain_workers.models.catalog import PublishedModel
from offchain_workers.units import Wei


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
    """Fetch card and ONNX file by their hashes and load them as a worker would.

    Raises StoreError, InvalidCardError, EngineError, and MN-CLI-024 for artifacts that this
    version can't derive again.
    """
    if model.artifacts:
        methods = ", ".join("0x" + selector.hex() for selector in model.artifacts)
        raise FusionError(
            "MN-CLI-024", f"this version can't re-derive the model's artifacts (methods {methods})"
        )
    limit = connection.settings.engine.max_onnx_bytes
    card = connection.catalog.card(model)
    files = ModelFiles(card, connection.catalog.onnx(model, limit))
    EmbeddedEngine("cpu", max_onnx_bytes=limit).load(files.spec, files.onnx).close()
    return card
