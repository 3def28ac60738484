# SPDX-License-Identifier: Apache-2.0
"""A method that the package does not know is found by naming its class."""

from __future__ import annotations

import pytest

from tests.operator.toy import ToyMethod
from verifiers.errors import UnknownMethodError
from verifiers.methods import get_method, method_table
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
