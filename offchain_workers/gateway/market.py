# SPDX-License-Identifier: Apache-2.0
"""Models and offers as the API shows them."""

from __future__ import annotations

from offchain_workers.gateway.reader import Reader
from offchain_workers.gateway.shelf import Shelf
from offchain_workers.gateway.views import ModelView, OfferView
from offchain_workers.models.card import ModelCard, TensorSpec
from offchain_workers.models.catalog import PublishedModel


class Showcase:
    """Thread-safe views of the shelf."""

    def __init__(self, shelf: Shelf, reader: Reader) -> None:
        self._shelf = shelf
        self._reader = reader

    def models(self) -> list[ModelView]:
        """Those whose cards can be had."""
        return [self._model(model, card) for model, card in self._shelf.readable()]

    def offers(self, model: str | None, method: str | None) -> list[OfferView]:
        """Cheapest first. Raises ModelUnknownError, ModelAmbiguousError, MisfitError."""
        if method is not None:
            self._shelf.selector(method)  # raises for one that the market does not have
        wanted = None if model is None else self._shelf.model(model).model_id
        announced = self._shelf.endpoints
        found = [
            OfferView(
                operator=offer.operator,
                model="0x" + offer.model_id.hex(),
                method=self._reader.method_name(offer.selector),
                tier=offer.tier.label,
                region=offer.region,
                price=str(offer.price),
                block=offer.block_number,
                endpoint=announced.get(offer.operator, ""),
            )
            for offer in self._shelf.directory.offers.values()
            if wanted in (None, offer.model_id)
        ]
        fitting = [offer for offer in found if method in (None, offer.method)]
        return sorted(fitting, key=lambda offer: (int(offer.price), offer.operator))

    def _model(self, model: PublishedModel, card: ModelCard) -> ModelView:
        offers = self._shelf.directory.offers_for(model.model_id)
        return ModelView(
            id="0x" + model.model_id.hex(),
            name=card.name,
            version=card.version,
            task=card.task,
            description=card.description,
            publisher=model.publisher,
            codec=card.codec,
            inputs=[_tensor(spec) for spec in card.inputs],
            outputs=[_tensor(spec) for spec in card.outputs],
            labels=len(card.labels),
            methods=sorted({self._reader.method_name(offer.selector) for offer in offers}),
            accuracy=dict(card.accuracy),
            attesters=self._shelf.directory.attesters_of(model.model_id),
        )


def _tensor(spec: TensorSpec) -> dict[str, object]:
    return {"name": spec.name, "type": spec.wire, "shape": list(spec.shape)}
