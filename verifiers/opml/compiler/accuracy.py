# SPDX-License-Identifier: Apache-2.0
"""How close the integer model comes to its float parent, on samples that it was not fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

from offchain_workers.storage import content_id
from verifiers.opml.compiler import lower
from verifiers.opml.compiler.calibrate import Progress
from verifiers.opml.compiler.compile import Compiled, encode_input
from verifiers.opml.compiler.graph import Array
from verifiers.opml.compiler.importer import fit
from verifiers.opml.compiler.ir import Value
from verifiers.opml.compiler.runner import FloatModel, session
from verifiers.opml.program import Kind

_TRACED = 8
_SILENT = 1e-30
# How far figures of one run may lie apart on two machines; above _QUIET_DB noise is the float's.
_RATE_SLACK, _SLACK, _LAST_BITS = 1.0, 0.02, 1e-6
_DB_SLACK, _QUIET_DB = 0.5, 90.0


@dataclass(frozen=True)
class Accuracy:
    """``layers``: signal over quantisation noise in dB, by float tensor, for the first samples.
    ``agreement`` is top-1, None where there is one output, which is always the first."""

    items: int
    agreement: float | None
    worst_error: float
    mean_error: float
    layers: dict[str, float]
    inputs: list[str]
    right_float: float | None
    right_integer: float | None

    def to_json(self) -> dict[str, Any]:
        """With few digits: the last ones depend on the machine's floats."""
        figures: dict[str, Any] = {
            "items": self.items,
            "worst_error": float(f"{self.worst_error:.4g}"),
            "mean_error": float(f"{self.mean_error:.3g}"),
            "sqnr_db": {name: round(db, 1) for name, db in sorted(self.layers.items())},
            "inputs": self.inputs,
        }
        if self.agreement is not None:
            figures["top1_agreement"] = round(self.agreement, 6)
        if self.right_float is not None and self.right_integer is not None:
            figures["top1_float"] = round(self.right_float, 6)
            figures["top1_integer"] = round(self.right_integer, 6)
        return figures


def measure(
    model: onnx.ModelProto,
    compiled: Compiled,
    samples: Sequence[Array],
    labels: Sequence[int] | None = None,
    progress: Progress = lambda done, total: None,
) -> Accuracy:
    """Run both models on every sample, one by one."""
    graph, program = compiled.graph, compiled.program
    parent, child = FloatModel(model, graph.input), session(lower.model(program), optimise=True)
    layers = _Layers(compiled)
    errors, tops, inputs = [], [], []
    for i, sample in enumerate(samples):
        values = parent.run(fit(model, graph.input, sample))
        elements = encode_input(program, sample)
        (found,) = child.run(None, {lower.INPUT: elements[None]})
        want = values[graph.output].astype(np.float64).reshape(-1)
        have = compiled.values[graph.output].quant.real(found).reshape(-1)
        errors.append(np.abs(want - have))
        tops.append((int(want.argmax()), int(have.argmax())))
        inputs.append(content_id(elements.tobytes()))
        if i < _TRACED:
            layers.add(values, elements)
        progress(i + 1, len(samples))
    pairs = np.array(tops).reshape(-1, 2)
    is_one = errors[0].size == 1
    truth = None if labels is None or is_one else np.asarray(labels)
    return Accuracy(
        len(samples),
        None if is_one else float((pairs[:, 0] == pairs[:, 1]).mean()),
        float(np.max(errors)),
        float(np.mean(errors)),
        layers.decibels(),
        inputs,
        None if truth is None else float((pairs[:, 0] == truth).mean()),
        None if truth is None else float((pairs[:, 1] == truth).mean()),
    )


def differing(stored: dict[str, Any], measured: dict[str, Any]) -> str | None:
    """A figure (of ``Accuracy.to_json``) that can't be of the same run on another machine.

    The float model's last bits differ between machines, so that an item may fall on the other side.
    """
    for name in sorted(stored.keys() | measured.keys()):
        have, want = stored.get(name), measured.get(name)
        if name == "sqnr_db":
            is_near = _same_layers(have, want)
        elif isinstance(have, float) and isinstance(want, float):
            slack = _RATE_SLACK / measured["items"] if name.startswith("top1") else _SLACK * want
            is_near = abs(have - want) <= slack + _LAST_BITS
        else:
            is_near = have == want
        if not is_near:
            return name
    return None


def _same_layers(have: Any, want: Any) -> bool:
    if not isinstance(have, dict) or have.keys() != want.keys():
        return False
    return all(
        isinstance(have[name], float)
        and abs(min(have[name], _QUIET_DB) - min(want[name], _QUIET_DB)) <= _DB_SLACK
        for name in want
    )


class _Layers:
    """Signal and noise of every float tensor that has integers in the trace."""

    def __init__(self, compiled: Compiled) -> None:
        self._values = {
            name: value for name, value in compiled.values.items() if value.kind == Kind.TRACE
        }
        self._alias = compiled.graph.stands_for
        self._trace: ort.InferenceSession = session(lower.trace(compiled.program), optimise=True)
        self._sums: dict[str, list[float]] = {}

    def add(self, floats: dict[str, Array], elements: Array) -> None:
        outputs = self._trace.run(None, {lower.INPUT: elements[None]})
        for name, value in self._values.items():
            float_name = self._alias.get(name, name)
            if float_name in floats:
                want = floats[float_name].astype(np.float64).reshape(value.shape)
                have = value.quant.real(seen(value, outputs[value.index]))
                sums = self._sums.setdefault(name, [0.0, 0.0])
                sums[0] += float((want**2).sum())
                sums[1] += float(((want - have) ** 2).sum())

    def decibels(self) -> dict[str, float]:
        return {
            name: float(10 * np.log10(max(signal, _SILENT) / max(noise, _SILENT)))
            for name, (signal, noise) in self._sums.items()
        }


def seen(value: Value, stored: Array) -> Array:
    """A stored tensor through a value's view."""
    flat = np.ascontiguousarray(stored).reshape(-1)[value.view.base :]
    strides = [step * flat.itemsize for step in value.view.strides]
    if not flat.size:
        return flat.reshape(value.shape)
    return np.lib.stride_tricks.as_strided(flat, value.shape, strides)
