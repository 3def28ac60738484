# SPDX-License-Identifier: Apache-2.0
"""A model as the server has it: card, session, lane, and what it says of itself."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from offchain_workers.engines.base import Session, check_arrays
from offchain_workers.engines.errors import EngineError, RunFailedError, SignatureError
from offchain_workers.models import ModelCard, TensorSpec
from offchain_workers.models.wire import Array
from offchain_workers.oip import NAMES
from offchain_workers.serving.batches import Outputs
from offchain_workers.serving.errors import ModelSickError
from offchain_workers.serving.lane import Lane

# JSON writes a number in at most this many bytes, and a request has some fields of its own.
_NUMBER_BYTES, _FRAME_BYTES = 32, 65_536
_TRIALS = 3


class ServedModel:
    """One loaded model. It is run a few times here, to learn how quick it is; raises EngineError.

    Items of several requests share a run of up to ``max_batch`` only when the card says
    ``batch_invariant`` and the model takes any batch. ``max_queue`` bounds the items that wait.
    """

    def __init__(
        self, card: ModelCard, session: Session, max_batch: int = 64, max_queue: int = 1024
    ) -> None:
        self.card = card
        self.output_names = tuple(spec.name for spec in card.outputs)
        self._session = session
        self._plain = {spec.name: np.zeros((1, *spec.shape), spec.engine) for spec in card.inputs}
        together = card.batch_invariant and session.signature.any_batch
        step = max_batch if together else 1
        self.lane = Lane(session.run, step, max_queue, self._item_seconds())

    @property
    def name(self) -> str:
        """What clients call it: the card's name."""
        return self.card.name

    @property
    def max_body(self) -> int:
        """Bytes of the largest body that may be a request."""
        numbers = sum(spec.elements for spec in self.card.inputs)
        return self.card.limits.max_items * numbers * _NUMBER_BYTES + _FRAME_BYTES

    async def infer(self, feeds: Mapping[str, Array]) -> Outputs:
        """Arrays (n, *shape) in the card's engine types, in and out.

        Raises SignatureError, BusyError, RunFailedError for this input, ModelSickError for any.
        """
        n = check_arrays(self.card.inputs, feeds)
        if not 1 <= n <= self.card.limits.max_items:
            raise SignatureError(f"{n} items, the card allows 1 to {self.card.limits.max_items}")
        try:
            return await self.lane.infer(feeds, n)
        except RunFailedError:
            await self._check_health()
            raise

    def metadata(self) -> dict[str, Any]:
        """As GET /v2/models/NAME answers; -1 is the number of items."""
        return {
            "name": self.name,
            "versions": [self.card.version],
            "platform": "onnxruntime_onnx",
            "inputs": [_port(spec) for spec in self.card.inputs],
            "outputs": [_port(spec) for spec in self.card.outputs],
        }

    def close(self) -> None:
        """Let what runs end, then free the model."""
        self.lane.close()
        self._session.close()

    async def _check_health(self) -> None:
        try:
            await self.lane.infer(self._plain, 1)
        except RunFailedError as error:
            raise ModelSickError(f"{self.name} fails on plain input: {error.message}") from None
        except EngineError:
            return

    def _item_seconds(self) -> float:
        times = []
        for _ in range(_TRIALS):
            began = time.perf_counter()
            self._session.run(self._plain)
            times.append(time.perf_counter() - began)
        return min(times)


def _port(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": NAMES[spec.engine], "shape": [-1, *spec.shape]}
