# SPDX-License-Identifier: Apache-2.0
"""What the API takes, field by field; OpenAPI is made from this."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from offchain_workers.codecs import get_codec
from offchain_workers.gateway.errors import MisfitError, RequestUnreadableError
from offchain_workers.models.card import ModelCard
from offchain_workers.routing.request import RouteRequest
from offchain_workers.storage import BlobMissingError, BlobStore

MAX_ITEMS = 1024
_WISH = {
    "task": "What is to be done; the router picks the model. One of task and model.",
    "model": "Id (0x and 64 hex digits) or name of the model to use.",
    "prefer": "A preset of weights: balanced, private, cheap, fast or safe.",
    "weights": "Weights of your own, in place of a preset's.",
    "max_price": "Most wei per item, as a number or a decimal string.",
    "max_latency_ms": "Most milliseconds to the verified answer, by published figures.",
    "first_answer": "Measure latency to the first answer, which may be challenged still.",
    "min_quality_bp": "Least quality, in basis points of the project's evaluation.",
    "region": "Region of the operators; 0 is any.",
    "tiers": "Tiers in order: a later one only where the earlier ones have too few offers.",
    "methods": "Verification methods to choose from; empty: any.",
    "private": "Operators must not see the input.",
    "members": "Members of the subnet.",
    "items": "Items in a job; set for you from the inputs.",
    "codec": "Only models whose inputs are made by this codec.",
    "item_bytes": "Bytes of one input on the wire, where that matters for the choice.",
    "attestations": "How many must vouch for the model; null: one, on development chains none.",
    "attesters": "Whose word counts; empty: of anybody with stake, but the publisher.",
    "quality_table": "Hash of a table of quality figures to go by, in place of the cards'.",
    "security": "What each method's evidence is worth to you, in basis points.",
}


def _describe(schema: dict[str, Any]) -> None:
    for name, field in schema["properties"].items():
        field["description"] = _WISH[name]


class WishAsk(RouteRequest):
    """What is wanted, and what it may cost."""

    model_config = ConfigDict(json_schema_extra=_describe)

    model: str | None = Field(None, max_length=80)

    def check_public(self) -> None:
        """Raises MisfitError for what must not pass through a gateway."""
        if self.wants_privacy:
            raise MisfitError(
                "a gateway sees inputs, so it makes no private jobs: plan with /v1/plan, then "
                "`fusion post --private` on your own machine, which seals the input"
            )


class InputAsk(BaseModel):
    """One input: exactly one of the three, as the model's codec takes it."""

    model_config = ConfigDict(extra="forbid")

    base64: str | None = Field(None, description="A file's bytes, in base64.")
    value: JsonValue = Field(None, description="For models that take numbers: nested lists.")
    blob: str | None = Field(None, description="Content id of a file uploaded before.")
    content_type: str = Field("", max_length=128, description="A hint where the form is open.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(each is not None for each in (self.base64, self.value, self.blob)) != 1:
            raise ValueError("give base64, value or blob, one of them")
        return self

    def wire(self, card: ModelCard, store: BlobStore, most: int) -> bytes:
        """One item's wire bytes. Raises CodecError, StoreError, RequestUnreadableError."""
        codec = get_codec(card.codec)
        return codec.encode(card, self._raw(store, most), self.content_type)

    @staticmethod
    def _uploaded(cid: str, store: BlobStore, most: int) -> bytes:
        try:
            return store.get(cid, most)
        except BlobMissingError:
            text = f"no blob {cid} here: upload it first, PUT /v1/blobs/{cid}"
            raise BlobMissingError(text) from None

    def _raw(self, store: BlobStore, most: int) -> bytes:
        if self.blob is not None:
            return self._uploaded(self.blob, store, most)
        if self.base64 is None:
            return json.dumps(self.value).encode()
        try:
            return base64.b64decode(self.base64, validate=True)
        except (binascii.Error, ValueError):
            raise RequestUnreadableError("an input's base64 can't be read") from None


class JobAsk(BaseModel):
    """A job to be made."""

    model_config = ConfigDict(extra="forbid")

    wish: WishAsk
    inputs: list[InputAsk] = Field(
        min_length=1, max_length=MAX_ITEMS, description="Several make one job, all or nothing."
    )
    pay: Literal["balance", "wallet"] = Field(
        "balance",
        description="Who posts and pays: the gateway from its balance, within your quota; or a "
        "wallet of yours, which gets the transaction to sign.",
    )
    requester: str | None = Field(
        None, pattern=r"^0x[0-9a-fA-F]{40}$", description="The wallet; only with pay=wallet."
    )
    deliver_within: int | None = Field(
        None, ge=10, le=604_800, description="Seconds for an answer; null: the gateway's default."
    )
    turn_length: int | None = Field(
        None, ge=1, le=86_400, description="Seconds of head start of each member over the next."
    )

    @model_validator(mode="after")
    def _payer(self) -> Self:
        if (self.pay == "wallet") != (self.requester is not None):
            raise ValueError("requester goes with pay=wallet, and only with that")
        return self
