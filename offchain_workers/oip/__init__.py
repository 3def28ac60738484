# SPDX-License-Identifier: Apache-2.0
"""The Open Inference Protocol's tensors (KServe v2 REST), in JSON and as binary, both ways.

Used by the server (``serving``), by the client engine (``engines.oip``) and by gateways.
"""

from __future__ import annotations

from offchain_workers.oip.errors import OipFormatError
from offchain_workers.oip.message import BINARY_EXTENSION, JSON_LENGTH, Body, join, split
from offchain_workers.oip.tensors import DATATYPES, NAMES, read_tensors, tensor_entry

__all__ = [
    "BINARY_EXTENSION",
    "DATATYPES",
    "JSON_LENGTH",
    "NAMES",
    "Body",
    "OipFormatError",
    "join",
    "read_tensors",
    "split",
    "tensor_entry",
]
