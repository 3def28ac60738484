# SPDX-License-Identifier: Apache-2.0
"""Settings of circuits: which are made, and which bind input, weights and output at all.

Under ``private`` weights a proof made with other weights verifies; ``hashed`` ones cost too much.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from verifiers.zkml import documents
from verifiers.zkml.documents import MISSHAPEN, whole
from verifiers.zkml.errors import UnsafeSettingsError

# Above this an input is committed to: each public value costs gas.
MOST_PUBLIC = 64
# Public values that the contract takes in all.
MOST_VALUES = 128
LARGEST_K = 20
# Binary digits behind the point; values have 28 bits.
MOST_SCALE = 64
_MOST_DIMENSIONS = 16
_FIXED_ARGS = {
    "decomp_base": 128,
    "decomp_legs": 4,
    "num_inner_cols": 2,
    "ignore_range_check_inputs_outputs": False,
    "rebase_frac_zero_constants": False,
}
# What ezkl writes in no fixed order, or that says when.
_UNORDERED, _TIME = ("required_range_checks", "required_lookups"), "timestamp"


class Binding(StrEnum):
    """How values are bound, in ezkl's words for run arguments."""

    PUBLIC = "public"
    FIXED = "fixed"
    POLYCOMMIT = "polycommit"


_WORDS = {"Public": Binding.PUBLIC, "Fixed": Binding.FIXED, "KZGCommit": Binding.POLYCOMMIT}


@dataclass(frozen=True)
class Facts:
    """Of a circuit: 2**k rows, bindings, numbers of public values, binary scales (of weights in
    the run arguments)."""

    k: int
    input: Binding
    weights: Binding
    inputs: int
    outputs: int
    input_scale: int
    output_scale: int
    weight_scale: int


def run_args(
    input_: Binding, weights: Binding, scales: tuple[int, int], k: int, batch: Sequence[str]
) -> dict[str, Any]:
    """For ezkl. ``scales`` of input and weights; ``batch``: named dimensions, which become 1."""
    return {
        "input_visibility": input_.value,
        "output_visibility": "public",
        "param_visibility": weights.value,
        "input_scale": scales[0],
        "param_scale": scales[1],
        "logrows": k,
        "variables": [(name, 1) for name in batch],
        **_FIXED_ARGS,
    }


def read(data: bytes) -> dict[str, Any]:
    """Raises UnsafeSettingsError for what is no JSON object."""
    try:
        found = documents.tree(data)
    except ValueError as error:
        raise UnsafeSettingsError(f"settings are not readable: {error}") from None
    if not isinstance(found.get("run_args"), dict):
        raise UnsafeSettingsError("settings have no run_args")
    return found


def facts(data: bytes) -> Facts:
    """Raises UnsafeSettingsError when proofs under these settings would not bind everything."""
    tree = read(data)
    args = tree["run_args"]
    for name, wanted in _FIXED_ARGS.items():
        value = args.get(name)
        if value != wanted or type(value) is not type(wanted):
            raise UnsafeSettingsError(f"{name} is {str(value)[:40]!r}, must be {wanted!r}")
    if args.get("output_visibility") != "Public":
        raise UnsafeSettingsError("the output must be public")
    given = _binding(args, "input", (Binding.PUBLIC, Binding.POLYCOMMIT))
    weights = _binding(args, "param", (Binding.FIXED, Binding.POLYCOMMIT))
    try:
        *inputs, outputs = [_product(shape) for shape in tree["model_instance_shapes"]]
        (input_,), (output,) = tree["model_input_scales"], tree["model_output_scales"]
        scales = [whole(each, 0, MOST_SCALE) for each in (input_, output, args["param_scale"])]
        k = whole(args["logrows"], 1, LARGEST_K)
    except MISSHAPEN as error:
        raise UnsafeSettingsError(f"no circuit with one input and one output: {error}") from None
    if len(inputs) != (given is Binding.PUBLIC):
        raise UnsafeSettingsError("settings of another shape")
    if sum(inputs) > MOST_PUBLIC:
        raise UnsafeSettingsError(f"{sum(inputs)} public inputs, at most {MOST_PUBLIC}")
    return Facts(k, given, weights, sum(inputs), outputs, *scales)


def canonical(data: bytes) -> bytes:
    """Settings as circuits here are made from them: what ezkl lists in no fixed order in one order,
    as the circuit's layout follows it, and without the time. Raises UnsafeSettingsError."""
    try:
        return f"{json.dumps(_ordered(read(data)), sort_keys=True)}\n".encode()
    except MISSHAPEN as error:
        raise UnsafeSettingsError(f"settings have no order: {error}") from None


def same(one: bytes, other: bytes) -> bool:
    """Whether two settings are of one circuit, whenever they were made."""
    return canonical(one) == canonical(other)


def _ordered(tree: dict[str, Any]) -> dict[str, Any]:
    lists = {name: sorted(tree.get(name) or [], key=json.dumps) for name in _UNORDERED}
    return {name: value for name, value in (tree | lists).items() if name != _TIME}


def _binding(args: dict[str, Any], what: str, allowed: tuple[Binding, ...]) -> Binding:
    word = args.get(f"{what}_visibility")
    found = _WORDS.get(word) if isinstance(word, str) else None
    if found not in allowed:
        raise UnsafeSettingsError(
            f"{what} visibility {str(word)[:40]!r}: proofs would not bind it; "
            f"use {' or '.join(allowed)}"
        )
    return found


def _product(shape: Any) -> int:
    """Of a few dimensions. Raises ValueError."""
    if not isinstance(shape, list) or len(shape) > _MOST_DIMENSIONS:
        raise ValueError("a shape is a short list")
    result = 1
    for size in shape:
        result = whole(result * whole(size, 1, MOST_VALUES), 1, MOST_VALUES)
    return result
