# SPDX-License-Identifier: Apache-2.0
"""What can go wrong between a model's file and its answer."""

from __future__ import annotations

from typing import ClassVar

from offchain_workers.errors import FusionError


class EngineError(FusionError):
    """Any failure of an engine; raise one of the subclasses, which carry the code."""

    CODE: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(self.CODE, message)


class RuntimeMissingError(EngineError):
    """onnxruntime is not installed."""

    CODE = "MN-ENGINE-001"


class RuntimeClashError(EngineError):
    """Two packages own the files of onnxruntime, and whichever came last overwrote the other."""

    CODE = "MN-ENGINE-002"


class ModelTooLargeError(EngineError):
    """An ONNX file over the limit; it was not parsed."""

    CODE = "MN-ENGINE-003"


class ModelCorruptError(EngineError):
    """An ONNX file that the runtime can't load."""

    CODE = "MN-ENGINE-004"


class ExternalDataError(EngineError):
    """An ONNX file that would read weights from other files or from memory."""

    CODE = "MN-ENGINE-005"


class SignatureError(EngineError):
    """The model's tensors, or those of a run, are not those of the card."""

    CODE = "MN-ENGINE-006"


class ProviderUnavailableError(EngineError):
    """The execution provider that was asked for does not work on this machine."""

    CODE = "MN-ENGINE-007"


class BusyError(EngineError):
    """The queue is full: try later, or elsewhere."""

    CODE = "MN-ENGINE-008"


class EngineClosedError(EngineError):
    """The session or queue is closed."""

    CODE = "MN-ENGINE-009"


class RunFailedError(EngineError):
    """The runtime refused this input or failed on it."""

    CODE = "MN-ENGINE-010"


class WrongModelError(EngineError):
    """An ONNX file whose content id is not the one that was asked for."""

    CODE = "MN-ENGINE-011"
