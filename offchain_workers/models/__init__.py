# SPDX-License-Identifier: Apache-2.0
"""What a model is to the network: its card, its wire format, and the two models of the demo."""

from __future__ import annotations

from offchain_workers.models.card import Limits, ModelCard, ModelSpec, TensorSpec
from offchain_workers.models.errors import (
    CodecError,
    InvalidCardError,
    TensorError,
    WireLengthError,
)

__all__ = [
    "CodecError",
    "InvalidCardError",
    "Limits",
    "ModelCard",
    "ModelSpec",
    "TensorError",
    "TensorSpec",
    "WireLengthError",
]
