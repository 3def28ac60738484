# SPDX-License-Identifier: Apache-2.0
"""The port every blob store implements."""

from __future__ import annotations

from typing import Protocol


class BlobStore(Protocol):
    """Content-addressed bytes. Every failure is a StoreError."""

    def put(self, data: bytes) -> str:
        """Store ``data`` (durably, or not at all) and return its content id."""
        ...

    def get(self, cid: str, max_bytes: int) -> bytes:
        """The bytes whose content id is ``cid``, verified; at most ``max_bytes`` of them."""
        ...

    def has(self, cid: str) -> bool:
        """Whether the store holds ``cid`` (not a promise that the bytes are still whole)."""
        ...
