# SPDX-License-Identifier: Apache-2.0
"""A method that the package does not know is found by naming its class."""

from __future__ import annotations

import inspect

import pytest

from tests.operator.toy import ToyMethod
from verifiers.base import Method
from verifiers.errors import UnknownMethodError
from verifiers.methods import METHODS, get_method, method_table
from verifiers.none import NoneMethod

TOY = "tests.operator.toy:ToyMethod"


def test_a_method_from_outside_is_one_line_of_the_table() -> None:
    assert isinstance(get_method("toy", method_table({"toy": TOY})), ToyMethod)


def test_the_built_in_method_can_not_be_taken_over() -> None:
    table = method_table({"none": TOY})
    assert isinstance(get_method("none", table), NoneMethod)


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("unknown", {}),
        ("toy", {"toy": "no.such.module:Toy"}),
        ("toy", {"toy": "tests.operator.toy:Nothing"}),
        ("other", {"other": TOY}),
    ],
)
def test_a_method_that_does_not_load_is_named(name: str, where: dict[str, str]) -> None:
    with pytest.raises(UnknownMethodError, match=name):
        get_method(name, where)


@pytest.mark.parametrize("name", [*METHODS, "toy"])
def test_every_method_has_all_that_a_worker_asks_for(name: str) -> None:
    method = get_method(name, method_table({"toy": TOY}))
    for asked, declared in inspect.getmembers(Method, inspect.isfunction):
        if not asked.startswith("_"):
            wanted = list(inspect.signature(declared).parameters)[1:]
            assert list(inspect.signature(getattr(method, asked)).parameters) == wanted, asked
