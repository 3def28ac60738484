# SPDX-License-Identifier: Apache-2.0
"""k of n: the few can't outvote the many, and a tie convicts nobody."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain_workers.canaries import agree, same_answer
from offchain_workers.models.demo import digits, digits_mlp

EXACT, FLOAT = digits().card, digits_mlp().card


def logits(*values: float) -> bytes:
    return np.array([*values, *[0.0] * (10 - len(values))], "<f4").tobytes()


RIGHT, WRONG = logits(1, 5), logits(5, 1)


def test_the_majority_is_right_and_the_others_are_named() -> None:
    found = agree(EXACT, {"a": RIGHT, "b": WRONG, "c": RIGHT}, 2)
    assert found.answer == RIGHT
    assert found.dissenters == {"b"}


def test_no_majority_convicts_nobody() -> None:
    found = agree(EXACT, {"a": RIGHT, "b": WRONG, "c": logits(9)}, 2)
    assert found.answer is None
    assert found.dissenters == frozenset()


def test_less_than_a_majority_is_no_quorum() -> None:
    with pytest.raises(ValueError, match="majority"):
        agree(EXACT, {"a": RIGHT, "b": RIGHT, "c": WRONG, "d": WRONG}, 2)


def test_floats_may_differ_in_their_last_digits_where_the_model_says_so() -> None:
    near = logits(1.0001, 5.0001)
    assert same_answer(FLOAT, RIGHT, near)
    assert not same_answer(FLOAT, RIGHT, WRONG)
    assert not same_answer(EXACT, RIGHT, near), "this model promises bits"


@pytest.mark.parametrize("told", [b"", RIGHT[:-1], RIGHT * 2, b"\xff" * 40])
def test_nonsense_is_never_the_same(told: bytes) -> None:
    assert not same_answer(FLOAT, RIGHT, told)


@given(st.integers(1, 9), st.integers(0, 9))
def test_liars_in_the_minority_never_convict_an_honest_one(honest: int, liars: int) -> None:
    told = {f"h{i}": RIGHT for i in range(honest)} | {f"l{i}": WRONG for i in range(liars)}
    found = agree(EXACT, told, len(told) // 2 + 1)
    if honest > liars:
        assert found.dissenters == {f"l{i}" for i in range(liars)}
    if honest == liars:
        assert found.answer is None
