# SPDX-License-Identifier: Apache-2.0
"""Models as people look at them: the chain's record, the card, attesters, offers."""

from __future__ import annotations

from typing import Any

from offchain_workers.chain.contracts.base import NATIVE
from offchain_workers.chain.contracts.terms import selector_of
from offchain_workers.chain.directory import Directory, Offer
from offchain_workers.cli.arguments import coin
from offchain_workers.cli.network import Connection
from offchain_workers.cli.output import fields, table
from offchain_workers.models import InvalidCardError, ModelCard
from offchain_workers.models.catalog import PublishedModel
from offchain_workers.storage import StoreError

_METHODS = {selector_of(name): name for name in ("none", "zkml", "opml", "teeml")}
_LABELS = {
    "name": "Name",
    "version": "Version",
    "task": "Task",
    "description": "Description",
    "licence": "Licence",
    "codec": "Codec",
    "inputs": "Inputs",
    "outputs": "Outputs",
    "card_error": "Card",
    "publisher": "Publisher",
    "royalty": "Royalty",
    "attesters": "Attesters",
    "artifacts": "Artifacts",
    "holders": "Holders",
    "uri": "Files at",
    "onnx": "ONNX file",
    "card": "Card's id",
    "id": "Model",
}
_OFFERS = {
    "operator": "Operator",
    "method": "Method",
    "tier": "Tier",
    "region": "Region",
    "price": "Price per item",
    "token": "Token",
}


def method_name(selector: bytes) -> str:
    """The method's name, or its selector where it is not one of ours."""
    return _METHODS.get(selector, "0x" + selector.hex())


def summaries(connection: Connection) -> list[dict[str, Any]]:
    """One row for each published model, oldest first."""
    directory = connection.directory()
    return [_summary(connection, directory, model) for model in connection.catalog.models]


def details(connection: Connection, reference: str) -> dict[str, Any]:
    """Everything about one model. Raises MN-CODEC-010, MN-CODEC-011."""
    model = connection.model(reference)
    directory = connection.directory()
    card, _ = _card(connection, model)
    offers = sorted(directory.offers_for(model.model_id), key=lambda offer: offer.price)
    data = _summary(connection, directory, model) | {
        "onnx": model.onnx_cid,
        "card": model.card_cid,
        "parent": model.parent if any(model.parent) else None,
        "artifacts": {method_name(s): a for s, a in model.artifacts.items()},
        "attesters": directory.attesters_of(model.model_id),
        "holders": directory.holders(model.model_id),
        "offers": [offer_row(offer) for offer in offers],
    }
    return data | (_card_facts(card) if card else {})


def view(data: dict[str, Any]) -> Any:
    """The record, then the offers."""
    from rich.console import Group

    artifacts = [f"{method} 0x{found.hex()}" for method, found in data["artifacts"].items()]
    data = {**data, "artifacts": artifacts}
    shown = {key: label for key, label in _LABELS.items() if data.get(key) not in (None, [], "")}
    parts: list[Any] = [fields(data, shown)]
    if data["offers"]:
        parts += ["", table(data["offers"], _OFFERS)]
    return Group(*parts)


def offer_row(offer: Offer) -> dict[str, Any]:
    """An offer for a table or --json."""
    token = None if offer.token == NATIVE else offer.token
    return {
        "operator": offer.operator,
        "model": offer.model_id,
        "method": method_name(offer.selector),
        "tier": offer.tier.label,
        "region": offer.region or None,
        "price": coin(offer.price, token),
        "token": token,
        "book": offer.book_id,
    }


def _summary(connection: Connection, directory: Directory, model: PublishedModel) -> dict[str, Any]:
    card, problem = _card(connection, model)
    return {
        "id": model.model_id,
        "name": card.name if card else None,
        "task": card.task if card else None,
        "card_error": problem,
        "publisher": model.publisher,
        "royalty": f"{model.royalty_bps / 100:g}%",
        "royalty_bps": model.royalty_bps,
        "attested": len(directory.attesters_of(model.model_id)),
        "held": len(directory.holders(model.model_id)),
        "uri": model.uri or None,
    }


def _card(connection: Connection, model: PublishedModel) -> tuple[ModelCard | None, str | None]:
    """The card, or why there is none: one bad model must not hide the others."""
    try:
        return connection.catalog.card(model), None
    except (StoreError, InvalidCardError) as error:
        return None, str(error)


def _card_facts(card: ModelCard) -> dict[str, Any]:
    return {
        "version": card.version,
        "description": card.description,
        "licence": card.licence,
        "codec": card.codec,
        "inputs": [f"{t.name}: {t.wire} {list(t.shape)}" for t in card.inputs],
        "outputs": [f"{t.name}: {t.wire} {list(t.shape)}" for t in card.outputs],
        "labels": list(card.labels),
    }
