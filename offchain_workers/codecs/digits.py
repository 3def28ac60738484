# SPDX-License-Identifier: Apache-2.0
"""digits@1: an image of 8x8 pixels from 0 to 16 -> a digit.

Reads 64 raw bytes, an .npy file, or JSON (64 numbers, or 8 rows of 8), row by row from the top.
"""

from __future__ import annotations

import math

import numpy as np

from offchain_workers.codecs.base import Answer, Raw, read_raw, scores
from offchain_workers.codecs.tensor import NPY_MAGIC, max_text_bytes, parse_json, read_npy
from offchain_workers.models import ModelCard, TensorError
from offchain_workers.models.wire import Array, array_of, to_wire

_PIXELS, _SIDE, _BRIGHTEST = 64, 8, 16
_LEVELS = np.arange(_BRIGHTEST + 1)


class DigitsCodec:
    """See the module."""

    name = "digits@1"

    def encode(self, card: ModelCard, raw: Raw, content_type: str = "") -> bytes:
        """64 bytes, one per pixel."""
        data = read_raw(raw, max_text_bytes(card))
        image = _image(card, data)
        if image.shape == (_SIDE, _SIDE):
            image = image.reshape(_PIXELS)
        if image.dtype.kind == "f" and np.isin(image, _LEVELS).all():
            image = image.astype(np.uint8)  # scikit-learn keeps its pixels as whole floats
        wire = to_wire(card.inputs[0], image)
        if max(wire) > _BRIGHTEST:
            raise TensorError(f"pixels go from 0 to {_BRIGHTEST}, got {max(wire)}")
        return wire

    def decode(self, card: ModelCard, output: bytes) -> Answer:
        """The digit with the largest logit; ``score`` is its softmax."""
        logits = scores(card, output)
        best = int(np.argmax(logits))
        others = (math.exp(float(logit) - float(logits[best])) for logit in logits)
        return {"label": card.labels[best], "score": round(1 / math.fsum(others), 6)}


def _image(card: ModelCard, data: bytes) -> Array:
    """JSON has no byte of 16 or less but blanks, and 64 of those are an image: no doubt is left."""
    spec = card.inputs[0]
    if len(data) == _PIXELS and max(data) <= _BRIGHTEST:
        return np.frombuffer(data, np.uint8)
    if data.startswith(NPY_MAGIC):
        return read_npy(spec, data, spec.shape, (_SIDE, _SIDE))
    tree = parse_json(data)
    try:
        return array_of(tree)
    except (ValueError, RecursionError):
        raise TensorError("expected 64 pixels, or 8 rows of 8") from None
