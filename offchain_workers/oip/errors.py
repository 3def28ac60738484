# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a message."""

from __future__ import annotations

from offchain_workers.errors import FusionError


class OipFormatError(FusionError):
    """A body that is not a message of the protocol, or a tensor that contradicts itself."""

    def __init__(self, message: str) -> None:
        super().__init__("MN-ENGINE-012", message)
