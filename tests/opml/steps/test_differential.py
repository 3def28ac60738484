# SPDX-License-Identifier: Apache-2.0
"""The step contracts compute what the total semantics say, for any descriptor and any tensors."""

from __future__ import annotations

from random import Random

import pytest

from tests.opml.steps import cases, steps
from tests.opml.steps.cases import Case
from verifiers.opml import total

OPCODES = range(12)  # 0 stands for those that mean nothing
COUNT = 100
SHARDS, SHARD = 8, 2_500  # 20,000 an opcode


@pytest.mark.parametrize("opcode", OPCODES)
def test_elements_agree(opcode: int) -> None:
    agree(Random(opcode), opcode, COUNT)


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("opcode", OPCODES)
def test_many_elements_agree(opcode: int, shard: int) -> None:
    agree(Random(f"{opcode} {shard}"), opcode, SHARD)


def test_random_bytes_are_programs() -> None:
    agree_hostile(Random("bytes"), 2 * COUNT)


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
def test_many_random_bytes_are_programs(shard: int) -> None:
    agree_hostile(Random(f"bytes {shard}"), SHARD)


def agree(rng: Random, opcode: int, count: int) -> None:
    """Elements of ``count`` nodes; enough of them must have read something."""
    read = 0
    for _ in range(count):
        case = cases.case(rng, opcode)
        check(rng, case)
        read += all(cases.is_read(case, side) for side in cases.sides(opcode))
    assert read * 8 > count


def agree_hostile(rng: Random, count: int) -> None:
    for _ in range(count):
        check(rng, cases.hostile_case(rng))


def check(rng: Random, case: Case) -> None:
    """The element, from the contracts and from the reference."""
    expected = case.expected
    if case.node.is_reduction:
        assert reduced(rng, case) == expected
    else:
        assert steps.Shown.of(case).value() == expected
        assert steps.element().gas <= steps.ELEMENT_GAS


def reduced(rng: Random, case: Case) -> int:
    """From the contracts; of many blocks one is recomputed, the others taken as they are."""
    partials = case.execution.block_values(case.j, case.e)
    last = len(partials) - 1
    k = rng.choice([0, last, rng.randint(0, last)])
    assert steps.Shown.of(case, k).value() == partials[k]
    assert steps.reduce().gas <= steps.BLOCK_GAS
    acc = steps.combined(case.node, partials)
    assert acc == total.combine(case.node, partials)
    element = steps.Shown.of(case).finished(acc)
    assert steps.reduce().gas <= steps.FINISH_GAS
    return element
