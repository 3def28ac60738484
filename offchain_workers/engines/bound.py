# SPDX-License-Identifier: Apache-2.0
"""Runs on a device through tensors that stay there: one set for each number of items.

Inputs are copied into the same device memory each time and outputs out of it, so nothing is
allocated per run, and a captured CUDA graph finds its data where it was.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from offchain_workers.models import TensorSpec
from offchain_workers.models.wire import Array

# Each captured graph and each set of tensors keeps device memory.
_MAX_SIZES = 16
# onnxruntime's word for a run that is neither captured nor replayed.
_NO_GRAPH = "-1"


class BoundRuns:
    """Runs ``session`` on ``device`` ("cuda", or "cpu" to try it out); from several threads.

    With ``graphs`` each number of items gets a CUDA graph, captured at its first run; that needs
    a session made with ``enable_cuda_graph``. Beyond 16 numbers of items, runs are bound anew.
    """

    def __init__(
        self,
        ort: Any,
        session: Any,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        device: str,
        graphs: bool = False,
    ) -> None:
        self._ort = ort
        self._session = session
        self._inputs = inputs
        self._outputs = outputs
        self._device = device
        self._graphs = graphs
        self._sizes: dict[int, _Bound] = {}
        self._lock = threading.Lock()

    def run(self, inputs: Mapping[str, Array], n: int) -> dict[str, Array]:
        """Arrays (n, *shape) in and out. Raises onnxruntime's exceptions."""
        with self._lock:
            bound = self._sizes.get(n)
            if bound is None:
                bound = self._bind(n)
            return bound.run(self._session, inputs)

    def _bind(self, n: int) -> _Bound:
        kept = len(self._sizes) < _MAX_SIZES
        graph = str(n) if kept else _NO_GRAPH
        options = self._ort.RunOptions()
        if self._graphs:
            options.add_run_config_entry("gpu_graph_id", graph)
        binding = self._session.io_binding()
        tensors = {spec.name: self._tensor(spec, n) for spec in (*self._inputs, *self._outputs)}
        for spec in self._inputs:
            binding.bind_ortvalue_input(spec.name, tensors[spec.name])
        for spec in self._outputs:
            binding.bind_ortvalue_output(spec.name, tensors[spec.name])
        names = [spec.name for spec in self._outputs]
        bound = _Bound(binding, tensors, names, options)
        if kept:
            self._sizes[n] = bound
        return bound

    def _tensor(self, spec: TensorSpec, n: int) -> Any:
        return self._ort.OrtValue.ortvalue_from_shape_and_type(
            [n, *spec.shape], np.dtype(spec.engine).type, self._device, 0
        )


class _Bound:
    """Device tensors for one number of items."""

    def __init__(
        self, binding: Any, tensors: Mapping[str, Any], names: Sequence[str], options: Any
    ) -> None:
        self._binding = binding
        self._tensors = tensors
        self._names = names
        self._options = options

    def run(self, session: Any, inputs: Mapping[str, Array]) -> dict[str, Array]:
        for name, array in inputs.items():
            self._tensors[name].update_inplace(np.ascontiguousarray(array))
        session.run_with_iobinding(self._binding, self._options)
        # A copy: the next run writes into the same memory.
        return {name: np.array(self._tensors[name].numpy()) for name in self._names}
