# SPDX-License-Identifier: Apache-2.0
"""The one error type that users meet: a code, one clear line, and a row in docs/errors.md."""

from __future__ import annotations


class FusionError(Exception):
    """An error with a stable code such as ``MN-CHAIN-001``; ``str(error)`` is ``CODE: message``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
