# SPDX-License-Identifier: Apache-2.0
"""digits@1: 360 handwritten digits of scikit-learn that were held out of training."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from offchain_workers.evaluation.suite import labelled

_PIXELS = 64


@cache
def _cases() -> Sequence[tuple[bytes, str]]:
    data = (files("offchain_workers.evaluation") / "data" / "digits.bin").read_bytes()
    rows = range(0, len(data), _PIXELS + 1)
    return [(data[at : at + _PIXELS], str(data[at + _PIXELS])) for at in rows]


SUITE = labelled("digits@1", _cases)
