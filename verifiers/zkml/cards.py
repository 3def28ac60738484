# SPDX-License-Identifier: Apache-2.0
"""The card of a circuit's model: a child of the float model's, where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from offchain_workers.models import Limits, ModelCard, TensorSpec
from offchain_workers.storage import content_id
from verifiers.zkml.accuracy import Accuracy
from verifiers.zkml.circuit import METHOD, Description
from verifiers.zkml.settings import Facts
from verifiers.zkml.wrap import Ends


def child_card(
    ends: Ends,
    description: Description,
    facts: Facts,
    files: Mapping[str, bytes],
    accuracy: Accuracy,
    parent: ModelCard | None,
    name: str,
    model: bytes,
) -> ModelCard:
    """Says which setup decides, and how far the circuit is from the float model."""
    notes: dict[str, Any] = {
        "manifest": {each: content_id(data) for each, data in sorted(files.items())},
        **description.notes(),
    }
    own = {
        "name": name or (f"{parent.name[:59]}-zkml" if parent else "model-zkml"),
        "inputs": (_input(ends, facts, parent),),
        "outputs": (_spec("answer", "i64", "int64", ends.output_shape),),
        "limits": Limits(max_items=1, max_onnx_bytes=max(len(model), 1)),
        "batch_invariant": False,
        "methods": {METHOD: notes},
        "accuracy": accuracy.to_json(),
    }
    if parent is not None:
        return ModelCard.from_canonical(parent.model_copy(update=own).canonical())
    return ModelCard(
        version="1",
        task="tensor",
        description="A circuit, for method zkml.",
        licence="unknown",
        source="quantised from ONNX by ezkl",
        codec="tensor@1",
        **own,
    )


def _input(ends: Ends, facts: Facts, parent: ModelCard | None) -> TensorSpec:
    """The float model's own integers where the circuit takes them as they are."""
    if parent is not None and len(parent.inputs) == 1:
        given = parent.inputs[0]
        if facts.input_scale == 0 and given.wire[0] in "iu":
            return given
    return _spec("values", "i32", "int32", ends.input_shape)


def _spec(name: str, wire: str, engine: str, shape: tuple[int, ...]) -> TensorSpec:
    return TensorSpec.model_validate({"name": name, "wire": wire, "engine": engine, "shape": shape})
