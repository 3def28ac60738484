# SPDX-License-Identifier: Apache-2.0
"""A circuit's way onto a chain, and the check of a published one."""

from __future__ import annotations

from functools import partial

from offchain_workers.chain.contracts import JobTerms
from offchain_workers.chain.contracts.zkml import ZKML, place_circuit
from offchain_workers.chain.development import DEVELOPMENT_CHAINS
from offchain_workers.cli.network import Connection
from offchain_workers.cli.progress import waiting
from offchain_workers.cli.sending import Sender
from offchain_workers.errors import FusionError
from offchain_workers.models import ModelCard
from offchain_workers.models.catalog import PublishedModel
from offchain_workers.models.vouching import HINT, Vouching
from verifiers.base import VERDICTS, ModelView
from verifiers.zkml.bundle import PROGRAM_FILE, Bundle, fetch
from verifiers.zkml.faults import UnvouchedError
from verifiers.zkml.method import described
from verifiers.zkml.placed import check_placed, check_setup, verifier_of
from verifiers.zkml.prover import ONNX_FILE


def place(connection: Connection, sender: Sender, found: Bundle) -> None:
    """Program and setup, where the chain lacks them.

    Raises NotListedError, DevelopmentSetupError, and what ``Wallet.send`` raises.
    """
    check_setup(connection.network, found.description)
    verifier, code = verifier_of(connection.network), found.files[PROGRAM_FILE]
    place_circuit(sender.wallet, verifier, code, found.description.neg_tau_g2, sender.record)


def check_vouched(
    connection: Connection, model: PublishedModel, selector: bytes, account: str
) -> None:
    """Raises UnvouchedError: on chain a program proves whatever its publisher made it for. What is
    required can be switched off on development chains only."""
    if selector != ZKML:
        return
    asked, folder = connection.settings.vouching, connection.settings.storage.folder / VERDICTS
    required = asked.required or connection.pool.chain_id not in DEVELOPMENT_CHAINS
    vouching = Vouching(connection.network, folder, account, asked.attesters, required)
    if not vouching.admits(model):
        raise UnvouchedError(f"nobody vouches for 0x{model.model_id.hex()}: {HINT}")


def check_circuit(
    connection: Connection, model: PublishedModel, card: ModelCard, terms: JobTerms
) -> None:
    """A proof is of the artifact's circuit: the card of another one says nothing about an answer.

    Raises ArtifactError, StoreError.
    """
    if terms.selector == ZKML:
        blob = partial(connection.catalog.blob, model)
        described(ModelView(card, blob, {ZKML: terms.artifact_id}))


def rederive(connection: Connection, model: PublishedModel, card: ModelCard) -> None:
    """Key, program and weights again from the float model's file, settings and setup; and that the
    chain has verifier and program.

    Raises RederivedError, MN-CLI-030 when the record names another artifact, and the errors of
    bundles, of ``check_placed`` and of ezkl.
    """
    from verifiers.zkml.checking import check

    catalog = connection.catalog
    found = fetch(card, lambda cid, most: catalog.blob(model, cid, most))
    if found.artifact_id != model.artifacts[ZKML]:
        raise FusionError(
            "MN-CLI-030",
            f"the bundle is of artifact 0x{found.artifact_id.hex()}, the record names "
            f"0x{model.artifacts[ZKML].hex()}",
        )
    check_placed(connection.network, found.description)
    limit = connection.settings.engine.max_onnx_bytes
    float_onnx, float_card = found.files[ONNX_FILE], None
    if any(model.parent):
        parent = connection.model("0x" + model.parent.hex())
        float_onnx, float_card = catalog.onnx(parent, limit), catalog.card(parent)
    with waiting(connection.run, "making the circuit again") as report:
        check(found, float_onnx, catalog.onnx(model, limit), float_card, report)
