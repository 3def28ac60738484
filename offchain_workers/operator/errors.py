# SPDX-License-Identifier: Apache-2.0
"""What keeps a worker from starting or a model from being served; refusals are in reasons.py."""

from __future__ import annotations

from typing import ClassVar

from offchain_workers.errors import FusionError


class WorkerError(FusionError):
    """Base of this layer's errors: a subclass fixes the code."""

    CODE: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(self.CODE, message)


class ModelMismatchError(WorkerError):
    """A model's files, record and id do not belong together."""

    CODE = "MN-WORKER-002"


class SelfCheckError(WorkerError):
    """A loaded model fails on a plain input, or answers twice differently."""

    CODE = "MN-WORKER-003"
