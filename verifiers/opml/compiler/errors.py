# SPDX-License-Identifier: Apache-2.0
"""Why a model or its samples can't be compiled. Each names the node and the reason."""

from __future__ import annotations

from typing import ClassVar

from offchain_workers.errors import FusionError


class CompileError(FusionError):
    """Any failure of the compiler; raise one of the subclasses."""

    CODE: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(self.CODE, message)


class UnreadableModelError(CompileError):
    """Bytes that are no valid ONNX model, or one that onnxruntime refuses."""

    CODE = "MN-OPML-001"


class SignatureError(CompileError):
    """A model without exactly one input and one chosen output."""

    CODE = "MN-OPML-002"


class SamplesError(CompileError):
    """Calibration samples that are missing or do not fit the model's input."""

    CODE = "MN-OPML-003"


class UnsupportedError(CompileError):
    """A node outside of what the compiler knows."""

    CODE = "MN-OPML-004"

    def __init__(self, node: str, op: str, reason: str) -> None:
        super().__init__(f"node {node} ({op}): {reason}")
        self.node = node
        self.op = op
        self.reason = reason


class CertificateError(CompileError):
    """A node whose integers could leave the range that the lowerings compute exactly."""

    CODE = "MN-OPML-005"


class BundleError(CompileError):
    """A bundle folder that is incomplete or whose files don't belong together."""

    CODE = "MN-OPML-006"


class AccuracyError(CompileError):
    """The integer model agrees with its float parent less than was asked for."""

    CODE = "MN-OPML-007"
