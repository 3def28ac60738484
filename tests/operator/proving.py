# SPDX-License-Identifier: Apache-2.0
"""Method `zkml` on the workers' market: circuits as honest publishers list them, or others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from offchain_workers.chain.contracts import JobTerms, ModelRecord
from offchain_workers.chain.contracts.zkml import ZKML, ZkmlVerifier, deploy_zkml, place_circuit
from offchain_workers.chain.wallet import Wallet
from offchain_workers.storage import content_id
from tests.operator.world import Market, form
from verifiers.zkml.bundle import MODEL_FILE, PROGRAM_FILE, Bundle
from verifiers.zkml.circuit import felt, felts_hash

FLOWER = (41_779, 28_672, 11_469, 1_638)
# Each fits the card, and their sum leaves the circuit's 28 bits.
TOO_LARGE = (2**31 - 1, 2**31 - 1, 0, 0)


def wire(values: Sequence[int]) -> bytes:
    """Numbers of 32 bits."""
    return b"".join(value.to_bytes(4, "little", signed=True) for value in values)


def with_zkml(market: Market) -> ZkmlVerifier:
    """The plug-in, listed."""
    return deploy_zkml(market.w3, market.chain.accounts[0], market.network)


def place(market: Market, found: Bundle) -> None:
    """Setup and program, where the chain lacks them."""
    verifier = ZkmlVerifier.of(market.network)
    assert verifier is not None
    wallet = Wallet(market.w3, market.publisher)
    place_circuit(wallet, verifier, found.files[PROGRAM_FILE], found.description.neg_tau_g2)


def files_of(found: Bundle) -> tuple[bytes, ...]:
    """All that a worker fetches."""
    return (found.card.canonical(), *found.files.values())


def publish(market: Market, found: Bundle, artifact: bytes | None = None) -> bytes:
    """The model's id. ``artifact``: what the record names instead of the bundle's circuit."""
    hashes = (bytes.fromhex(cid[2:]) for cid in (
        content_id(found.files[MODEL_FILE]), found.card.hash()
    ))  # fmt: skip
    record = ModelRecord(*hashes, artifacts={ZKML: artifact or found.artifact_id})
    Wallet(market.w3, market.publisher).send(market.network.models.publish(record, ""))
    return market.network.models.model_id(market.publisher.address, record)


def formed(market: Market, model_id: bytes, found: Bundle) -> Market:
    """The market, with a subnet of its operators that answer about the model."""
    operators, requester = market.operators, market.requester
    subnet = form(market.chain, market.network, model_id, operators, requester, ZKML)
    by_address = {account.address: account for account in operators}
    ordered = [by_address[address] for address, _ in subnet.members]
    files = (*market.files, *files_of(found))
    return replace(market, model_id=model_id, subnet=subnet, operators=ordered, files=files)


def terms_over(
    market: Market, values: Sequence[int], artifact: bytes, model_id: bytes | None = None
) -> JobTerms:
    """A job of public values."""
    return market.terms(
        model_id=model_id or market.model_id,
        selector=ZKML,
        artifact_id=artifact,
        item_size=0,
        input_commitment=felts_hash([felt(value) for value in values]),
    )
