# SPDX-License-Identifier: Apache-2.0
"""The model card: everything about a model that a requester, operator or router decides on.

A card travels as canonical JSON (UTF-8, sorted keys, no spaces); its keccak256 goes into the model
id, so a card is compared and stored as those bytes and never as what some library makes of them.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from offchain_workers.models.errors import InvalidCardError
from offchain_workers.problems import first_problem
from offchain_workers.storage import content_id

MAX_CARD_BYTES = 262_144
MAX_ITEM_BYTES = 1 << 24

WIRE_TYPES: dict[str, np.dtype[Any]] = {
    "u8": np.dtype("u1"),
    "u16": np.dtype("<u2"),
    "u32": np.dtype("<u4"),
    "u64": np.dtype("<u8"),
    "i8": np.dtype("i1"),
    "i16": np.dtype("<i2"),
    "i32": np.dtype("<i4"),
    "i64": np.dtype("<i8"),
    "f16": np.dtype("<f2"),
    "f32": np.dtype("<f4"),
    "f64": np.dtype("<f8"),
}
WireType = Literal["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "f16", "f32", "f64"]
EngineType = Literal[
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
]


def _printable(text: str) -> str:
    if not all(char.isprintable() or char == "\n" for char in text):
        raise ValueError("control characters are not allowed")
    return text


Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Text = Annotated[str, Field(max_length=4096), AfterValidator(_printable)]
Label = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_printable)]
Dimension = Annotated[int, Field(gt=0, le=MAX_ITEM_BYTES)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class TensorSpec(_Frozen):
    """One tensor of one item (no batch dimension): ``wire`` type travels, ``engine`` type runs."""

    name: Label
    wire: WireType
    engine: EngineType
    shape: tuple[Dimension, ...] = Field(max_length=8)

    @property
    def elements(self) -> int:
        """How many numbers one item has in this tensor."""
        return math.prod(self.shape)

    @property
    def wire_dtype(self) -> np.dtype[Any]:
        """Little-endian numpy type on the wire."""
        return WIRE_TYPES[self.wire]

    @property
    def wire_bytes(self) -> int:
        """Bytes of one item of this tensor on the wire."""
        return self.elements * self.wire_dtype.itemsize


class Limits(_Frozen):
    """What a job or an operator may ask of this model."""

    max_items: int = Field(default=256, gt=0, le=65_536)
    max_onnx_bytes: int = Field(gt=0, lt=1 << 31)


class ModelCard(_Frozen):
    """One model's card; see the fields. ``codec_config`` is what its codec needs beside the labels.

    ``methods`` holds the publisher's notes per method, ``accuracy`` figures and their origin.
    """

    schema_: Literal["card@1"] = Field(default="card@1", alias="schema")
    name: Name
    version: Name
    task: Name
    description: Text
    licence: Text
    source: Text
    codec: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}@[0-9]{1,4}$")
    inputs: tuple[TensorSpec, ...] = Field(min_length=1, max_length=32)
    outputs: tuple[TensorSpec, ...] = Field(min_length=1, max_length=32)
    labels: tuple[Label, ...] = ()
    codec_config: dict[str, JsonValue] = {}
    limits: Limits
    batch_invariant: bool = False
    methods: dict[str, JsonValue] = {}
    accuracy: dict[str, JsonValue] = {}

    @model_validator(mode="after")
    def _check(self) -> Self:
        for specs in (self.inputs, self.outputs):
            if len({spec.name for spec in specs}) != len(specs):
                raise ValueError("two tensors have the same name")
            if sum(spec.wire_bytes for spec in specs) > MAX_ITEM_BYTES:
                raise ValueError(f"an item has more than {MAX_ITEM_BYTES} bytes")
        for spec in self.inputs:
            if not np.can_cast(spec.wire_dtype, np.dtype(spec.engine), "safe"):
                raise ValueError(f"input {spec.name}: {spec.wire} does not fit {spec.engine}")
        if len(self.canonical()) > MAX_CARD_BYTES:
            raise ValueError(f"the card has more than {MAX_CARD_BYTES} bytes")
        return self

    @property
    def item_bytes_in(self) -> int:
        """Bytes of one input item on the wire."""
        return sum(spec.wire_bytes for spec in self.inputs)

    @property
    def item_bytes_out(self) -> int:
        """Bytes of one output item on the wire."""
        return sum(spec.wire_bytes for spec in self.outputs)

    def canonical(self) -> bytes:
        """The bytes that are hashed, stored and sent."""
        tree = self.model_dump(mode="json", by_alias=True)
        text = json.dumps(
            tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        return text.encode()

    def hash(self) -> str:
        """keccak256 of the canonical bytes; also their content id."""
        return content_id(self.canonical())

    @classmethod
    def from_json(cls, text: bytes) -> ModelCard:
        """A card as its author wrote it, in any JSON layout; raises InvalidCardError."""
        if len(text) > MAX_CARD_BYTES:
            raise InvalidCardError(f"the card has {len(text)} bytes, the limit is {MAX_CARD_BYTES}")
        try:
            return cls.model_validate_json(text, strict=True)
        except ValidationError as error:
            raise InvalidCardError(first_problem(error, "card")) from None

    @classmethod
    def from_canonical(cls, data: bytes) -> ModelCard:
        """A card as it was published; raises InvalidCardError unless the bytes are canonical."""
        card = cls.from_json(data)
        if card.canonical() != data:
            raise InvalidCardError(f"card {card.name} is not in canonical form")
        return card


@dataclass(frozen=True)
class ModelSpec:
    """What an engine needs to load a model: its card, and the content id of its ONNX file."""

    card: ModelCard
    onnx_cid: str
