# SPDX-License-Identifier: Apache-2.0
"""The port every codec implements, and what several of them share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from pydantic import JsonValue

from offchain_workers.chain.contracts.terms import selector_of
from offchain_workers.models import CodecError, ModelCard, TensorSpec, WireLengthError
from offchain_workers.models.errors import InvalidAnswerError, UnreadableInputError
from offchain_workers.models.wire import Array, unpack_items

Raw = bytes | Path
# Methods whose models are integers that stand for a float model's numbers.
_SCALED = ("opml", "zkml")
_SELECTORS = {selector_of(name): name for name in _SCALED}
Answer = dict[str, Any]


class Codec(Protocol):
    """Deterministic, stateless; runs on the requester's side before a post and after a delivery."""

    @property
    def name(self) -> str:
        """``name@version``, as the card has it."""
        ...

    def encode(self, card: ModelCard, raw: Raw, content_type: str = "") -> bytes:
        """One item's wire bytes, ``card.item_bytes_in`` of them.

        ``raw`` is the input itself or a path to it, ``content_type`` a hint where the form is open.
        Raises CodecError; NoModelNeededError when the answer is known without running the model.
        """
        ...

    def decode(self, card: ModelCard, output: bytes) -> Answer:
        """The JSON-able answer of one item; a classifier's has ``label`` and ``score`` (0 to 1).

        Total over ``card.item_bytes_out`` arbitrary bytes: an answer or a CodecError.
        """
        ...


class ScaleUnclearError(CodecError):
    """A card says of one tensor's integers, under different methods, that they stand for different
    numbers, and the method is not known or has no scale of its own."""

    CODE = "MN-CODEC-009"


class NoModelNeededError(CodecError):
    """The codec knows the answer of this input without the model: do not pay for a job."""

    CODE = "MN-CODEC-007"

    def __init__(self, answer: Answer, why: str) -> None:
        super().__init__(f"decided without the model ({why}): {answer['label']}")
        self.answer = answer


def read_raw(raw: Raw, max_bytes: int) -> bytes:
    """The input's bytes; UnreadableInputError when the file can't be read or is over the limit."""
    if isinstance(raw, Path):
        with open_input(raw) as file:
            raw = file.read(max_bytes + 1)
    if len(raw) > max_bytes:
        raise UnreadableInputError(f"the input has more than {max_bytes} bytes")
    return raw


@contextmanager
def open_input(path: Path) -> Iterator[BinaryIO]:
    """A regular file, open for reading; every OSError becomes UnreadableInputError."""
    try:
        if path.exists() and not path.is_file():  # a pipe or a device could block for ever
            raise UnreadableInputError(f"can't read {path}: not a regular file")
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise UnreadableInputError(f"can't read {path}: {error.strerror}") from error


def scores(card: ModelCard, output: bytes) -> np.ndarray[Any, np.dtype[Any]]:
    """The single output of a classifier as a flat array, one number per label, all finite."""
    if len(output) != card.item_bytes_out:
        raise WireLengthError(f"expected {card.item_bytes_out} output bytes, got {len(output)}")
    spec = card.outputs[0]
    if len(card.outputs) != 1 or spec.elements != len(card.labels):
        raise InvalidAnswerError(f"model {card.name} does not give one score for each label")
    values = as_reals(card, unpack_items(card.outputs, output, 1)[spec.name].reshape(-1))
    if not np.isfinite(values).all():
        raise InvalidAnswerError(f"the answer has NaN or infinity in {spec.name}")
    return values


def under(card: ModelCard, selector: bytes) -> ModelCard:
    """The card as jobs under a method read it: another method's notes say nothing about them."""
    name = _SELECTORS.get(selector)
    if name is None:
        return card
    return card.model_copy(update={"methods": {name: card.methods.get(name)}})


def elements(card: ModelCard, spec: TensorSpec, reals: Array) -> Array:
    """A compiled model's integers for what its float parent takes, by the notes in its card.

    Others, and those whose integers are the numbers themselves, get the array as it is.
    """
    scaling = _scaling(card, "input")
    bounds = np.iinfo(spec.wire_dtype) if spec.wire_dtype.kind in "iu" else None
    is_number = reals.dtype.kind in "fiu" and bool(np.isfinite(reals).all())
    if scaling in (None, (1, 0)) or bounds is None or not is_number:
        return reals
    scale, zero = scaling
    with np.errstate(over="ignore"):
        nearest = np.floor(reals.astype(np.float64) / scale + 0.5) + zero
    result: Array = np.clip(nearest, bounds.min, bounds.max).astype(spec.wire_dtype)
    return result


def as_reals(card: ModelCard, values: Array) -> Array:
    """What a compiled model's integers stand for, by the notes in its card; else as they are."""
    scaling = _scaling(card, "output")
    if scaling is None or values.dtype.kind not in "iu":
        return values
    scale, zero = scaling
    result: Array = (values.astype(np.float64) - zero) * scale
    return result


def _scaling(card: ModelCard, side: str) -> tuple[float, float] | None:
    """Scale and zero of a compiled model's ``input`` or ``output``. Raises ScaleUnclearError."""
    found = {method: _noted(card.methods.get(method), side) for method in _SCALED}
    stated = {scaling for method, scaling in found.items() if card.methods.get(method) is not None}
    if len(stated) > 1:
        raise ScaleUnclearError(f"the scale of the {side} is another for {' and '.join(_SCALED)}")
    return next(iter(stated), None)


def _noted(notes: JsonValue, side: str) -> tuple[float, float] | None:
    scaling = notes.get(side) if isinstance(notes, dict) else None
    if not isinstance(scaling, dict):
        return None
    scale, zero = scaling.get("scale"), scaling.get("zero")
    if not isinstance(scale, int | float) or not isinstance(zero, int | float) or scale <= 0:
        return None
    return scale, zero
