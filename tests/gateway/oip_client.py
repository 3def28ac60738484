# SPDX-License-Identifier: Apache-2.0
"""NVIDIA's client as anyone uses it, in the environment that has it: pixels in, JSON out."""

from __future__ import annotations

import json
import sys

import numpy as np
import tritonclient.http as triton

WISH = {"methods": "none", "members": 2}


def main(url: str, pixels: list[float]) -> dict[str, object]:
    client = triton.InferenceServerClient(url)
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("digits")
    told: dict[str, object] = {"metadata": client.get_model_metadata("digits")}
    for name, binary in (("json", False), ("binary", True)):
        tensor = triton.InferInput("pixels", [1, 64], "FP32")
        tensor.set_data_from_numpy(np.array([pixels], np.float32), binary_data=binary)
        output = triton.InferRequestedOutput("logits", binary_data=binary)
        answer = client.infer("digits", [tensor], outputs=[output], parameters=WISH)
        told[name] = {
            "best": int(answer.as_numpy("logits").argmax()),
            "parameters": answer.get_response()["parameters"],
        }
    try:
        client.infer("nobody", [tensor], parameters=WISH)
    except triton.InferenceServerException as error:
        told["error"] = error.message()
    return told


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], json.loads(sys.argv[2]))))
