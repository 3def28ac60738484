# SPDX-License-Identifier: Apache-2.0
"""Whom a quote's certificates must lead to: Intel, or on development chains a simulated root."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True)
class Root:
    """A root's public ``point`` (x, y: 64 bytes); names of its certificates begin with ``name``."""

    name: str
    point: bytes
    simulated: bool = False


INTEL = Root(
    "Intel",
    bytes.fromhex(
        "0ba9c4c0c0c86193a3fe23d6b02cda10a8bbd4e88e48b4458561a36e705525f5"
        "67918e2edc88e40d860bd0cc4ee26aacc988e505a953558c453f6b0904ae7394"
    ),
)


def point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    """x and y, 64 bytes."""
    numbers = key.public_numbers()
    return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
