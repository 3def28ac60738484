# SPDX-License-Identifier: Apache-2.0
"""float.onnx through onnxruntime's own static quantisation, calibrated on the same samples."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx.version_converter import convert_version
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from benchmarks.opml.children.timed import session


class Samples(CalibrationDataReader):  # type: ignore[misc]
    """One after the other."""

    def __init__(self, name: str, samples: Any) -> None:
        self._feeds: Iterator[dict[str, Any]] = iter([{name: sample} for sample in samples])

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)


# Per-channel scales came with this version of the operators.
OPSET = 13


def main(folder: Path) -> None:
    newer, prepared, made = (folder / f"{step}.onnx" for step in ("newer", "prepared", "made"))
    model = onnx.load(folder / "float.onnx")
    if model.opset_import[0].version < OPSET:
        model = convert_version(model, OPSET)
    onnx.save(model, newer)
    quant_pre_process(str(newer), str(prepared), skip_symbolic_shape=True)
    name = model.graph.input[0].name
    quantize_static(
        str(prepared),
        str(made),
        Samples(name, np.load(folder / "float.npy")),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    session(made)
    made.rename(folder / "int8.onnx")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
