# SPDX-License-Identifier: Apache-2.0
"""What a job's program computed, node by node: the trace that games are about.

Fast with ``trace.onnx``, which the self-test has compared with the reference; without it the
reference itself is run. Needs about two and a half times the trace's bytes.
"""

from __future__ import annotations

import numpy as np

from offchain_workers.engines.embedded import BareSession, EmbeddedEngine
from offchain_workers.models.wire import Array
from verifiers.opml.bundle import Program
from verifiers.opml.merkle import Tensor
from verifiers.opml.openings import Execution
from verifiers.opml.play_errors import TraceMisfitError


class Tracer:
    """Executes one program; always on the CPU, where the lowering is known to be exact."""

    def __init__(self, program: Program, onnx: bytes | None, threads: int = 1) -> None:
        self.program = program
        self._session = None if onnx is None else EmbeddedEngine("cpu", threads).bare(onnx)

    def execution(self, given: bytes) -> Execution:
        """Of an input's bytes. Raises TraceMisfitError, RunFailedError."""
        if self._session is None:
            return self.program.execution(given)
        outputs = self._traced(self._session, given)
        return Execution(self.program.nodes, Tensor(given), self.program.weights, outputs)

    def _traced(self, session: BareSession, given: bytes) -> list[Tensor]:
        arrays = session.run(self._feed(session, given))
        if len(arrays) != len(self.program.nodes):
            raise TraceMisfitError(f"{len(arrays)} outputs for {len(self.program.nodes)} nodes")
        arrays.reverse()
        tensors = []
        for j, node in enumerate(self.program.nodes):
            # Popped, so that an array and its bytes are there together but once.
            data = stored(arrays.pop())
            if len(data) != node.byte_len:
                raise TraceMisfitError(f"node {j}: {len(data)} bytes, not {node.byte_len}")
            tensors.append(Tensor(data))
        return tensors

    def _feed(self, session: BareSession, given: bytes) -> dict[str, Array]:
        ports = session.signature.inputs
        if len(ports) != 1:
            raise TraceMisfitError(f"{len(ports)} inputs, not one")
        return {ports[0].name: fed(given, ports[0].dtype, ports[0].shape)}


def stored(array: Array) -> bytes:
    """An output's elements as a trace holds them."""
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def fed(data: bytes, dtype: str, shape: tuple[int | None, ...]) -> Array:
    """A stored tensor as an input with one item. Raises TraceMisfitError."""
    sizes = [1, *(size or 1 for size in shape[1:])]
    try:
        return np.frombuffer(data, np.dtype(dtype).newbyteorder("<")).reshape(sizes)
    except (ValueError, TypeError) as error:
        raise TraceMisfitError(f"{len(data)} bytes do not fit {dtype} {sizes}") from error
