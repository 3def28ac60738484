# SPDX-License-Identifier: Apache-2.0
"""ONNX files under NVIDIA Triton (pytriton): `python triton_onnx.py PORT PORT PORT NAME=FILE...`.

The ports are those of HTTP, gRPC and the metrics.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import onnxruntime
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

TYPES = {"tensor(float)": np.float32, "tensor(int32)": np.int32, "tensor(int64)": np.int64}


def tensors(ports: Any) -> list[Tensor]:
    """Without the batch dimension, which Triton adds."""
    return [
        Tensor(name=port.name, dtype=TYPES[port.type], shape=tuple(port.shape[1:]))
        for port in ports
    ]


def bind(triton: Triton, name: str, path: str) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_outputs()]

    @batch
    def infer(**feeds: Any) -> dict[str, Any]:
        return dict(zip(names, session.run(names, feeds), strict=True))

    triton.bind(
        model_name=name,
        infer_func=infer,
        inputs=tensors(session.get_inputs()),
        outputs=tensors(session.get_outputs()),
        config=ModelConfig(max_batch_size=64),
    )


if __name__ == "__main__":
    http, grpc, metrics, *pairs = sys.argv[1:]
    config = TritonConfig(
        http_port=int(http), http_address="127.0.0.1", grpc_port=int(grpc),
        grpc_address="127.0.0.1", metrics_port=int(metrics),
    )  # fmt: skip
    with Triton(config=config) as running:
        for pair in pairs:
            bind(running, *pair.split("=", 1))
        running.serve()
