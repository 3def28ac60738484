# SPDX-License-Identifier: Apache-2.0
"""How a file or a text becomes tensors, and an answer a label; deterministic, named in the card."""

from __future__ import annotations

from offchain_workers.codecs.base import Codec, NoModelNeededError, under
from offchain_workers.codecs.registry import get_codec

__all__ = ["Codec", "NoModelNeededError", "get_codec", "under"]
