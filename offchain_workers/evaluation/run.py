# SPDX-License-Identifier: Apache-2.0
"""Run a suite on a model, and compare with what its card says."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from offchain_workers.codecs import NoModelNeededError, get_codec
from offchain_workers.codecs.base import Answer
from offchain_workers.engines.base import Session
from offchain_workers.evaluation.suite import Suite
from offchain_workers.models import CodecError, ModelCard
from offchain_workers.models.wire import pack_items, unpack_items
from offchain_workers.routing.request import BPS

# Of a hundred items one may fall on the other side on another machine: float models' last bits do.
_SLACK_BP = 100


@dataclass(frozen=True)
class Evaluation:
    """``infer_ms`` of one item, the median, rounded up; ``refused``: inputs that the codec does not
    take, which count as wrong."""

    suite: str
    items: int
    right: int
    refused: int
    infer_ms: int

    @property
    def quality_bp(self) -> int:
        return self.right * BPS // self.items

    def figures(self) -> dict[str, Any]:
        """As a card's ``accuracy`` has them; what the router reads."""
        suite = {"name": self.suite, "items": self.items, "right": self.right}
        return {"suite": suite, "infer_ms": self.infer_ms}


def evaluate(
    card: ModelCard,
    session: Session,
    suite: Suite,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Every input of the suite, one by one. Raises EngineError."""
    inputs, answers, times = suite.inputs(), [], []
    for i, raw in enumerate(inputs):
        answer, seconds = _answer(card, session, raw)
        answers.append(answer)
        if seconds is not None:
            times.append(seconds)
        progress(i + 1, len(inputs))
    right, items = suite.judge(answers)
    took = int(median(times) * 1_000) + 1 if times else 0
    return Evaluation(suite.name, items, right, sum(a is None for a in answers), took)


def _answer(card: ModelCard, session: Session, raw: bytes) -> tuple[Answer | None, float | None]:
    codec = get_codec(card.codec)
    try:
        item = codec.encode(card, raw)
    except NoModelNeededError as known:
        return known.answer, None
    except CodecError:
        return None, None
    start = time.perf_counter()
    arrays = session.run(unpack_items(card.inputs, item, 1))
    seconds = time.perf_counter() - start
    try:
        return codec.decode(card, pack_items(card.outputs, arrays)), seconds
    except CodecError:
        return None, seconds


def difference(card: ModelCard, found: Evaluation) -> str | None:
    """Why the card's figures are not those of this run; None when they are, or when it has none."""
    stated = card.accuracy.get("suite")
    if not isinstance(stated, dict):
        return None
    if stated.get("name") != found.suite or stated.get("items") != found.items:
        return f"the card is about {stated.get('name')}, {stated.get('items')} items"
    right = stated.get("right")
    if not isinstance(right, int) or abs(right - found.right) * BPS > _SLACK_BP * found.items:
        return f"the card says {right} right of {found.items}, here it is {found.right}"
    return None
