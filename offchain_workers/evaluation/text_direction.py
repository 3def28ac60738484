# SPDX-License-Identifier: Apache-2.0
"""text-direction@1: 200 drawn lines of text, half of them upside down."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache

import numpy as np

from offchain_workers.evaluation.lines import Lines
from offchain_workers.evaluation.suite import labelled

_COUNT, _SEED = 200, 0
LABELS = ("0", "180")


@cache
def _cases() -> Sequence[tuple[bytes, str]]:
    lines, random, cases = Lines(), np.random.default_rng(_SEED), []
    for _ in range(_COUNT):
        picture, turned = lines.draw(random)
        data = io.BytesIO()
        np.save(data, picture)
        cases.append((data.getvalue(), LABELS[turned]))
    return cases


SUITE = labelled("text-direction@1", _cases)
