# SPDX-License-Identifier: Apache-2.0
"""Whether a server has the model that it is said to have, found by asking both.

It finds another model, not another runtime: last bits may differ. What an operator's stake hangs on
under a method is tested by that method.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import structlog

from offchain_workers.engines.base import Session
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.engines.errors import RunFailedError, RuntimeMissingError
from offchain_workers.engines.oip.errors import AnswerInvalidError
from offchain_workers.models import ModelSpec, TensorSpec
from offchain_workers.models.wire import Array

log = structlog.get_logger(__name__)

_TRIALS = 3
# Half precision and TF32 stay far below this share of the largest value.
_TOLERANCE = 0.02
_LARGEST_INTEGER = 15


def check_model(model: ModelSpec, onnx_bytes: bytes, session: Session) -> None:
    """Compare with the ONNX file in onnxruntime on the CPU, where that is installed.

    Raises AnswerInvalidError, EngineError.
    """
    try:
        local = EmbeddedEngine("cpu").load(model, onnx_bytes)
    except RuntimeMissingError:
        log.warning("servers not compared with the ONNX file", reason="onnxruntime is missing")
        return
    for inputs in _inputs(model):
        try:
            expected = local.run(inputs)
        except RunFailedError:
            continue  # a model may refuse such numbers
        found = session.run(inputs)
        for name, array in expected.items():
            if not _close(array, found[name]):
                raise AnswerInvalidError(
                    f"{model.card.name}: the servers' {name} is not that of the ONNX file"
                )
    local.close()


def _inputs(model: ModelSpec) -> Iterator[dict[str, Array]]:
    random = np.random.default_rng(1)
    for _ in range(_TRIALS):
        yield {spec.name: _values(spec, random) for spec in model.card.inputs}


def _values(spec: TensorSpec, random: np.random.Generator) -> Array:
    shape = (1, *spec.shape)
    if spec.wire_dtype.kind == "f":
        return random.random(shape).astype(spec.engine)
    return random.integers(0, _LARGEST_INTEGER, shape, endpoint=True).astype(spec.engine)


def _close(expected: Array, found: Array) -> bool:
    if expected.dtype.kind != "f":
        return bool(np.array_equal(expected, found))
    largest = 1 + float(np.abs(expected).max(initial=0))
    return bool(np.abs(expected - found).max(initial=0) <= _TOLERANCE * largest)
