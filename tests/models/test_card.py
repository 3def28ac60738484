# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from offchain_workers.models import InvalidCardError, ModelCard
from offchain_workers.models.demo import digits
from offchain_workers.storage import content_id


@pytest.fixture
def tree() -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(digits().card.canonical())
    return tree


def test_hash_is_the_content_id_of_canonical_json() -> None:
    card = digits().card
    data = card.canonical()
    assert card.hash() == content_id(data)
    assert data == json.dumps(json.loads(data), sort_keys=True, separators=(",", ":")).encode()
    assert ModelCard.from_canonical(data) == card


def test_non_ascii_text_is_utf8(tree: dict[str, Any]) -> None:
    card = ModelCard.from_json(json.dumps(tree | {"description": "Zürich 数字"}).encode())
    assert "Zürich 数字".encode() in card.canonical()
    assert ModelCard.from_canonical(card.canonical()) == card


def test_another_layout_is_the_same_card_but_not_canonical(tree: dict[str, Any]) -> None:
    pretty = json.dumps(tree, indent=2).encode()
    assert ModelCard.from_json(pretty).hash() == digits().card.hash()
    with pytest.raises(InvalidCardError, match="not in canonical form"):
        ModelCard.from_canonical(pretty)


def test_duplicate_keys_are_not_canonical() -> None:
    data = digits().card.canonical()
    with pytest.raises(InvalidCardError):
        ModelCard.from_canonical(data.replace(b'{"accuracy"', b'{"name":"x","accuracy"', 1))


def test_a_card_is_frozen() -> None:
    with pytest.raises(ValidationError):
        digits().card.name = "other"  # type: ignore[misc]


def test_sizes() -> None:
    card = digits().card
    assert (card.item_bytes_in, card.item_bytes_out) == (64, 40)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"schema": "card@2"}, "schema"),
        ({"name": "Bad Name"}, "name"),
        ({"codec": "digits"}, "codec"),
        ({"inputs": []}, "inputs"),
        ({"batch_invariant": 1}, "batch_invariant"),
        ({"surprise": 1}, "surprise"),
        ({"labels": ["a\u001b[31m"]}, "labels.0"),
        ({"limits": {"max_items": 0, "max_onnx_bytes": 1}}, "limits.max_items"),
        ({"accuracy": {"right": float("nan")}}, "accuracy"),
    ],
)
def test_bad_fields_are_named(tree: dict[str, Any], change: dict[str, Any], where: str) -> None:
    with pytest.raises(InvalidCardError) as caught:
        ModelCard.from_json(json.dumps(tree | change).encode())
    assert caught.value.code == "MN-CODEC-001"
    if where != "accuracy":  # NaN is not JSON at all
        assert caught.value.message.startswith(where)


TENSOR = {"name": "x", "wire": "u8", "engine": "float32", "shape": [4]}


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ([TENSOR, TENSOR], "same name"),
        ([TENSOR | {"wire": "f32", "engine": "int32"}], "f32 does not fit int32"),
        ([TENSOR | {"wire": "i32", "engine": "float32"}], "i32 does not fit float32"),
        ([TENSOR | {"shape": [0]}], "greater than 0"),
        ([TENSOR | {"shape": [1 << 20, 1 << 20]}], "more than"),
        ([TENSOR | {"wire": "u7"}], "Input should be"),
    ],
)
def test_bad_tensors(tree: dict[str, Any], inputs: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(InvalidCardError, match=problem):
        ModelCard.from_json(json.dumps(tree | {"inputs": inputs}).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b" " * 300_000])
def test_hostile_bytes(data: bytes) -> None:
    with pytest.raises(InvalidCardError):
        ModelCard.from_canonical(data)
