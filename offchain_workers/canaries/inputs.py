# SPDX-License-Identifier: Apache-2.0
"""Inputs that look like users': made of real samples, on the wire as theirs, never twice the same.

Users' own inputs are never shown to others than those they were sent to.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from offchain_workers.models.card import ModelCard, TensorSpec
from offchain_workers.models.wire import item_bytes

_TRIES = 16
# At 4 KiB an item, 256 MiB at the most.
_REMEMBERED = 65_536


class Inputs:
    """Draws item bytes from ``samples`` (item bytes of public data) of a model.

    Each is a cross of two samples: whoever keeps a list of canaries' inputs never meets one again.
    ``sizes``: how many items users send at once, to draw from.
    """

    def __init__(
        self,
        card: ModelCard,
        samples: Sequence[bytes],
        rng: random.Random | None = None,
        sizes: Sequence[int] = (1,),
    ) -> None:
        expected = item_bytes(card.inputs)
        if len(samples) < 2 or any(len(sample) != expected for sample in samples):
            raise ValueError(f"two or more samples of {expected} bytes each are needed")
        self._specs = card.inputs
        self._samples = list(samples)
        self._rng = rng or random.SystemRandom()
        self._sizes = list(sizes)
        self._used = set(samples)

    def draw(self, size: int | None = None) -> list[bytes]:
        """The items of one request; ``size``: how many, by default as users do."""
        return [self._one() for _ in range(size or self._rng.choice(self._sizes))]

    def _one(self) -> bytes:
        """A new one, or after some tries whatever comes: few samples have few crosses."""
        for _ in range(_TRIES):
            item = self._cross()
            if item not in self._used:
                break
        if len(self._used) < _REMEMBERED:
            self._used.add(item)
        return item

    def _cross(self) -> bytes:
        """Tensor by tensor, a stretch of one sample inside another, each value in its place."""
        one, other = self._rng.sample(self._samples, 2)
        start, parts = 0, []
        for spec in self._specs:
            end = start + spec.wire_bytes
            parts.append(self._crossed(spec, one[start:end], other[start:end]))
            start = end
        return b"".join(parts)

    def _crossed(self, spec: TensorSpec, one: bytes, other: bytes) -> bytes:
        mixed = np.frombuffer(one, spec.wire_dtype).copy()
        low = self._rng.randrange(spec.elements)
        high = self._rng.randrange(low, spec.elements) + 1
        mixed[low:high] = np.frombuffer(other, spec.wire_dtype)[low:high]
        return mixed.tobytes()
