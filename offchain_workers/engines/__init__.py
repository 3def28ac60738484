# SPDX-License-Identifier: Apache-2.0
"""Run a model. ``embedded`` is onnxruntime in this process; importing this needs no runtime."""

from __future__ import annotations

from offchain_workers.engines.base import Engine, Session, Signature, TensorPort
from offchain_workers.engines.batcher import Batcher
from offchain_workers.engines.errors import BusyError, EngineError
from offchain_workers.engines.runner import ModelRunner

__all__ = [
    "Batcher",
    "BusyError",
    "Engine",
    "EngineError",
    "ModelRunner",
    "Session",
    "Signature",
    "TensorPort",
]
