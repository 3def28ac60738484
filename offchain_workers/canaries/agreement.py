# SPDX-License-Identifier: Apache-2.0
"""Which of several answers is right when nobody knows: k of n that agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from offchain_workers.models.card import ModelCard
from offchain_workers.models.wire import item_bytes, unpack_items

# Floats differ by this much between runtimes and machines, honestly.
_RELATIVE, _ABSOLUTE = 1e-2, 1e-3


@dataclass(frozen=True)
class Agreement:
    """``answer``: what k or more say, None where no k agree; ``dissenters`` say otherwise."""

    answer: bytes | None
    dissenters: frozenset[str]


def agree(card: ModelCard, answers: Mapping[str, bytes], k: int) -> Agreement:
    """Of one item's answers by provider. ``k`` is more than half of those asked, or ValueError."""
    if 2 * k <= len(answers):
        raise ValueError(f"{k} of {len(answers)} is no majority")
    for candidate in answers.values():
        same = {who for who, told in answers.items() if same_answer(card, candidate, told)}
        if len(same) >= k:
            return Agreement(candidate, frozenset(answers.keys() - same))
    return Agreement(None, frozenset())


def same_answer(card: ModelCard, one: bytes, other: bytes) -> bool:
    """Equal to the bit where the model promises that (``batch_invariant``, or integers), else as
    near as honest machines are."""
    if one == other:
        return True
    size = item_bytes(card.outputs)
    if len(one) != len(other) or len(one) % size or card.batch_invariant:
        return False
    n = len(one) // size
    left, right = unpack_items(card.outputs, one, n), unpack_items(card.outputs, other, n)
    return all(
        (
            np.dtype(spec.wire_dtype).kind == "f"
            and np.allclose(left[spec.name], right[spec.name], rtol=_RELATIVE, atol=_ABSOLUTE)
        )
        or np.array_equal(left[spec.name], right[spec.name])
        for spec in card.outputs
    )
