# SPDX-License-Identifier: Apache-2.0
"""Settings under which a proof would leave something open are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.zkml.circuits import iris
from verifiers.zkml import settings
from verifiers.zkml.errors import UnsafeSettingsError
from verifiers.zkml.prover import SETTINGS_FILE
from verifiers.zkml.settings import Binding


def changed(**args: Any) -> bytes:
    tree = json.loads(iris().files[SETTINGS_FILE])
    tree["run_args"] |= args
    return json.dumps(tree).encode()


def test_ours_are_read() -> None:
    found = settings.facts(changed())
    assert (found.k, found.inputs, found.outputs) == (10, 4, 3)
    assert (found.input, found.weights) == (Binding.PUBLIC, Binding.FIXED)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("param_visibility", "Private"),
        ("param_visibility", {"Hashed": {"hash_is_public": True, "outlets": []}}),
        ("param_visibility", "Public"),
        ("input_visibility", "Private"),
        ("input_visibility", {"Hashed": {"hash_is_public": True, "outlets": []}}),
        ("output_visibility", "KZGCommit"),
        ("decomp_base", 16_384),
        ("decomp_legs", 2),
        ("num_inner_cols", 8),
        ("ignore_range_check_inputs_outputs", True),
        ("rebase_frac_zero_constants", True),
        ("logrows", 21),
    ],
)
def test_others_are_refused(name: str, value: Any) -> None:
    with pytest.raises(UnsafeSettingsError):
        settings.facts(changed(**{name: value}))


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"run_args": 1}', b"\xff", b'{"run_args": {}}']
)
def test_what_are_no_settings_is_refused(data: bytes) -> None:
    with pytest.raises(UnsafeSettingsError):
        settings.facts(data)


def test_more_public_inputs_than_64_are_refused() -> None:
    tree = json.loads(changed())
    tree["model_instance_shapes"] = [[1, 65], [1, 3]]
    with pytest.raises(UnsafeSettingsError, match="65 public inputs"):
        settings.facts(json.dumps(tree).encode())


def test_the_time_and_the_order_of_checks_make_no_difference() -> None:
    tree = json.loads(changed())
    tree["timestamp"] = 1
    tree["required_range_checks"].reverse()
    assert settings.same(json.dumps(tree).encode(), changed())
    assert settings.canonical(json.dumps(tree).encode()) == settings.canonical(changed())
    assert not settings.same(changed(), changed(logrows=11))
