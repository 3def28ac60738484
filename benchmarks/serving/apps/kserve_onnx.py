# SPDX-License-Identifier: Apache-2.0
"""ONNX files under KServe's model server: `python kserve_onnx.py PORT NAME=FILE...`."""

from __future__ import annotations

import sys
from typing import Any

import onnxruntime
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.utils.numpy_codec import from_np_dtype
from kserve.utils.utils import generate_uuid


class OnnxModel(Model):  # type: ignore[misc]
    """Answers every output of the file."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        self._names = [port.name for port in self._session.get_outputs()]
        self.ready = True

    def predict(
        self, payload: InferRequest, headers: Any = None, response_headers: Any = None
    ) -> InferResponse:
        feeds = {one.name: one.as_numpy() for one in payload.inputs}
        found = []
        for name, array in zip(self._names, self._session.run(self._names, feeds), strict=True):
            output = InferOutput(name, list(array.shape), from_np_dtype(array.dtype))
            output.set_data_from_numpy(array, binary_data=False)
            found.append(output)
        return InferResponse(payload.id or generate_uuid(), self.name, found)


if __name__ == "__main__":
    port, *pairs = sys.argv[1:]
    models = [OnnxModel(*pair.split("=", 1)) for pair in pairs]
    ModelServer(http_port=int(port), enable_grpc=False, workers=1).start(models)
