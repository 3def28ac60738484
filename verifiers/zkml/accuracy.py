# SPDX-License-Identifier: Apache-2.0
"""How far a circuit is from its float model, measured on samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from verifiers.zkml import wrap
from verifiers.zkml.circuit import signed
from verifiers.zkml.prover import Prover
from verifiers.zkml.settings import Facts

Array = np.ndarray[Any, np.dtype[Any]]
_DIGITS = 6


@dataclass(frozen=True)
class Accuracy:
    """``worst_error``: largest difference of an output; ``top1_agreement`` from 0 to 1, None where
    there is one output, which is always the first."""

    items: int
    top1_agreement: float | None
    worst_error: float

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


def integers(sample: Array, scale: int) -> list[int]:
    """An input as a circuit takes it: halves are rounded up, as codecs do."""
    return [int(v) for v in np.floor(sample.reshape(-1).astype(np.float64) * 2.0**scale + 0.5)]


def measure(
    model: onnx.ModelProto, prover: Prover, facts: Facts, samples: Sequence[Array]
) -> Accuracy:
    """Circuit and float model, each on all samples. Raises EzklFailedError."""
    at = wrap.ends(model)
    evaluator = ReferenceEvaluator(model)
    worst, agreed = 0.0, 0
    answers = prover.witnesses([integers(sample, facts.input_scale) for sample in samples])
    for sample, answer in zip(samples, answers, strict=True):
        given = sample.reshape(1, *at.input_shape).astype(np.float32)
        answered: list[Any] = evaluator.run(None, {at.input: given})  # type: ignore[assignment]
        wanted = np.asarray(answered[0], np.float64).reshape(-1)
        found = np.array([signed(value) for value in answer.outputs]) / 2.0**facts.output_scale
        worst = max(worst, float(np.abs(found - wanted).max()))
        agreed += int(found.argmax() == wanted.argmax())
    agreement = None if facts.outputs == 1 else round(agreed / len(samples), _DIGITS)
    return Accuracy(len(samples), agreement, float(f"{worst:.3g}"))
