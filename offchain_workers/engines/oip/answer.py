# SPDX-License-Identifier: Apache-2.0
"""From what a server sent to the arrays that the card promises, or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from offchain_workers.engines.oip.errors import AnswerInvalidError, EndpointRefusedError
from offchain_workers.models import TensorSpec
from offchain_workers.models.wire import Array
from offchain_workers.oip import OipFormatError, join, read_tensors, split, tensor_entry


def message(inputs: Mapping[str, Array], binary: bool) -> tuple[bytes, int | None]:
    """The body of a request for all outputs, and the length of its JSON where more follows.

    Plain JSON says nothing but the tensors: servers refuse fields that they do not know. Values
    that JSON can't say (NaN) raise EndpointRefusedError.
    """
    try:
        pairs = [tensor_entry(name, array, binary) for name, array in inputs.items()]
    except OipFormatError as error:
        raise EndpointRefusedError(error.message) from None
    tree: dict[str, Any] = {"inputs": [entry for entry, _ in pairs]}
    if binary:
        tree["parameters"] = {"binary_data_output": True}
    return join(tree, [data for _, data in pairs if data is not None])


def read_answer(
    specs: Sequence[TensorSpec], n: int, data: bytes, json_length: str | None
) -> dict[str, Array]:
    """The outputs (n, *shape) in the card's engine types; those the card lacks are passed over.

    Raises AnswerInvalidError.
    """
    names = [spec.name for spec in specs]
    try:
        body = split(data, json_length)
        found = read_tensors(body.tree.get("outputs"), body.tail, names)
    except OipFormatError as error:
        raise AnswerInvalidError(error.message) from None
    missing = [name for name in names if name not in found]
    if missing:
        raise AnswerInvalidError(f"the answer lacks the outputs {missing}")
    return {spec.name: _fitted(spec, n, found[spec.name]) for spec in specs}


def _fitted(spec: TensorSpec, n: int, array: Array) -> Array:
    """Servers add or drop dimensions of 1, and some answer in a wider type."""
    wanted = (n, *spec.shape)
    if _long(array.shape) != _long(wanted):
        raise AnswerInvalidError(f"output {spec.name}: shape {list(array.shape)}, not {wanted}")
    shaped = array.reshape(wanted)
    if shaped.dtype == spec.engine:
        return shaped
    with np.errstate(all="ignore"):
        cast = shaped.astype(spec.engine)
        same = np.array_equal(cast, shaped, equal_nan=shaped.dtype.kind == "f")
    if not same:
        raise AnswerInvalidError(
            f"output {spec.name}: {array.dtype}, which {spec.engine} can't hold"
        )
    return cast


def _long(shape: Sequence[int]) -> list[int]:
    return [size for size in shape if size != 1]
