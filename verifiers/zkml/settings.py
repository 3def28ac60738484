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

from verifiers.zkml.errors import UnsafeSettingsError

# Above this an input is committed to: each public value costs gas.
MOST_PUBLIC = 64
LARGEST_K = 20
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
    """Of a circuit: 2**k rows, bindings, numbers of public values, binary scales."""

    k: int
    input: Binding
    weights: Binding
    inputs: int
    outputs: int
    input_scale: int
    output_scale: int


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
        found = json.loads(data)
    except ValueError as error:
        raise UnsafeSettingsError(f"settings are no JSON: {error}") from None
    if not isinstance(found, dict) or not isinstance(found.get("run_args"), dict):
        raise UnsafeSettingsError("settings have no run_args")
    return found


def facts(data: bytes) -> Facts:
    """Raises UnsafeSettingsError when proofs under these settings would not bind everything."""
    tree = read(data)
    args = tree["run_args"]
    for name, wanted in _FIXED_ARGS.items():
        if args.get(name) != wanted:
            raise UnsafeSettingsError(f"{name} is {args.get(name)!r}, must be {wanted!r}")
    if args.get("output_visibility") != "Public":
        raise UnsafeSettingsError("the output must be public")
    given = _binding(args, "input", (Binding.PUBLIC, Binding.POLYCOMMIT))
    weights = _binding(args, "param", (Binding.FIXED, Binding.POLYCOMMIT))
    try:
        counts = [_product(shape) for shape in tree["model_instance_shapes"]]
        (input_scale,), (output_scale,) = tree["model_input_scales"], tree["model_output_scales"]
        k = int(args["logrows"])
        *inputs, outputs = counts
    except (KeyError, TypeError, ValueError):
        raise UnsafeSettingsError("a circuit has one input and one output") from None
    if len(inputs) != (given is Binding.PUBLIC) or not 1 <= k <= LARGEST_K:
        raise UnsafeSettingsError("settings of another shape")
    if sum(inputs) > MOST_PUBLIC:
        raise UnsafeSettingsError(f"{sum(inputs)} public inputs, at most {MOST_PUBLIC}")
    return Facts(k, given, weights, sum(inputs), outputs, int(input_scale), int(output_scale))


def canonical(data: bytes) -> bytes:
    """Settings as circuits here are made from them: what ezkl lists in no fixed order in one order,
    as the circuit's layout follows it, and without the time. Raises UnsafeSettingsError."""
    return f"{json.dumps(_ordered(read(data)), sort_keys=True)}\n".encode()


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
            f"{what} visibility {word!r}: proofs would not bind it; use {' or '.join(allowed)}"
        )
    return found


def _product(shape: Sequence[int]) -> int:
    result = 1
    for size in shape:
        result *= int(size)
    return result
