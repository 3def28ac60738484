# SPDX-License-Identifier: Apache-2.0
"""The reference equals the total semantics, element by element."""

from __future__ import annotations

from hypothesis import assume, given, settings

from tests.opml.strategies import Step, steps
from verifiers.opml import reference, total


@given(steps())
@settings(max_examples=400)
def test_a_node_equals_its_elements(step: Step) -> None:
    assume(step.node.byte_len <= 2048)
    expected = total.tensor(step.node, step.j, step.memory)
    assert reference.compute(step.node, step.j, step.memory) == expected
