# SPDX-License-Identifier: Apache-2.0
"""Keccak-256 by a C library: an execution trace takes thousands of hashes."""

from __future__ import annotations

from sha3 import keccak_256


def keccak(data: bytes) -> bytes:
    """The 32 bytes of keccak-256."""
    return bytes(keccak_256(data).digest())
