# SPDX-License-Identifier: Apache-2.0
"""tensor@1: the tensors themselves, as JSON or .npy, in the card's wire types.

JSON is ``{"inputs": {name: nested lists}}``, or a bare nested list (or number) for a model with one
input; .npy always is that one input. Values are one item's: there is no batch dimension.

A compiled model takes what its float parent takes; an .npy of its own integers goes as it is.
"""

from __future__ import annotations

import io
import json
import math
import tokenize
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from offchain_workers.codecs.base import Answer, Raw, as_reals, elements, read_raw, scores
from offchain_workers.models import ModelCard, TensorError, TensorSpec, WireLengthError
from offchain_workers.models.errors import InvalidAnswerError, UnreadableInputError
from offchain_workers.models.wire import Array, array_of, shape_error, to_wire, unpack_items

NPY_MAGIC = b"\x93NUMPY"
_NPY_TYPES = {"application/x-npy", "application/npy"}
_JSON_BYTES_PER_ELEMENT = 32  # 17 digits, sign, exponent, comma, indentation
_SPARE_BYTES = 65_536
# numpy reads a header as Python source, and lets what Python's parsers raise pass.
_BAD_HEADER = (ValueError, KeyError, TypeError, SyntaxError, RecursionError, tokenize.TokenError)
_NPY_HEADERS: dict[tuple[int, int], Callable[[io.BytesIO], tuple[Any, bool, Any]]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class TensorCodec:
    """See the module."""

    name = "tensor@1"

    def encode(self, card: ModelCard, raw: Raw, content_type: str = "") -> bytes:
        """One item's wire bytes from JSON or .npy."""
        data = read_raw(raw, max_text_bytes(card))
        if data.startswith(NPY_MAGIC) or content_type in _NPY_TYPES:
            spec = _only_input(card)
            array = read_npy(spec, data, spec.shape)
            is_wire = array.dtype == spec.wire_dtype
            return to_wire(spec, array if is_wire else elements(card, spec, array))
        return encode_tree(card, parse_json(data))

    def decode(self, card: ModelCard, output: bytes) -> Answer:
        """``outputs`` as nested lists; of a compiled model ``reals`` too, the numbers that its
        integers stand for; ``label`` and ``score`` where each label has a score."""
        if len(output) != card.item_bytes_out:
            raise WireLengthError(f"expected {card.item_bytes_out} output bytes, got {len(output)}")
        arrays = unpack_items(card.outputs, output, 1)
        meant = {name: as_reals(card, array[0]) for name, array in arrays.items()}
        for name, array in meant.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise InvalidAnswerError(f"the answer has NaN or infinity in {name}")
        answer: Answer = {"outputs": {name: array[0].tolist() for name, array in arrays.items()}}
        if any(meant[name].dtype != array.dtype for name, array in arrays.items()):
            answer["reals"] = {name: array.tolist() for name, array in meant.items()}
        if len(card.outputs) == 1 and card.outputs[0].elements == len(card.labels):
            values = scores(card, output)
            best = int(np.argmax(values))
            answer |= {"label": card.labels[best], "score": float(values[best])}
        return answer


def max_text_bytes(card: ModelCard) -> int:
    """The longest text that a sane client sends for one item."""
    elements = sum(spec.elements for spec in card.inputs)
    return elements * _JSON_BYTES_PER_ELEMENT + _SPARE_BYTES


def parse_json(data: bytes) -> Any:
    """Any JSON value; NaN and Infinity, which are not JSON, are refused."""
    try:
        return json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:  # JSON and UTF-8 errors are ValueErrors
        raise UnreadableInputError(f"the input is not JSON: {str(error)[:200]}") from None


def encode_tree(card: ModelCard, tree: Any) -> bytes:
    """Wire bytes of ``{"inputs": {...}}`` or of one input's nested lists."""
    if not isinstance(tree, Mapping):
        spec = _only_input(card)
        return to_wire(spec, elements(card, spec, _array(spec, tree)))
    inputs = tree.get("inputs")
    expected = [spec.name for spec in card.inputs]
    if not isinstance(inputs, Mapping) or sorted(inputs) != sorted(expected):
        raise TensorError(f'expected {{"inputs": ...}} with exactly the tensors {expected}')
    return b"".join(
        to_wire(spec, elements(card, spec, _array(spec, inputs[spec.name]))) for spec in card.inputs
    )


def read_npy(spec: TensorSpec, data: bytes, *shapes: tuple[int, ...]) -> Array:
    """The array of an .npy file whose header has one of the given shapes."""
    file = io.BytesIO(data)
    try:
        version: tuple[int, int] = np.lib.format.read_magic(file)  # type: ignore[no-untyped-call]
        shape, by_column, dtype = _NPY_HEADERS[version](file)
    except _BAD_HEADER as error:
        raise UnreadableInputError(f"the input is not an .npy file: {str(error)[:200]}") from None
    if shape not in shapes:
        raise shape_error(spec, shape)
    body = data[file.tell() :]
    if dtype.kind not in "fiu" or len(body) != math.prod(shape) * dtype.itemsize:
        raise UnreadableInputError(f"tensor {spec.name}: the .npy file does not hold its values")
    return np.frombuffer(body, dtype).reshape(shape, order="F" if by_column else "C")


def _array(spec: TensorSpec, tree: Any) -> Array:
    try:
        return array_of(tree)
    except (ValueError, RecursionError):
        raise TensorError(
            f"tensor {spec.name}: expected even nested lists of numbers of shape {list(spec.shape)}"
        ) from None


def _only_input(card: ModelCard) -> TensorSpec:
    if len(card.inputs) != 1:
        names = [spec.name for spec in card.inputs]
        raise TensorError(
            f'model {card.name} has the inputs {names}: name them in {{"inputs": ...}}'
        )
    return card.inputs[0]


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a value")
