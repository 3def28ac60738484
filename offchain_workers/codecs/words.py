# SPDX-License-Identifier: Apache-2.0
"""words@1: a text -> one token for each word, and numbers that stand for the text.

Words are runs of letters and digits, case folded; a token is CRC-32 of a word's UTF-8 modulo the
card's ``vocabulary``. A short text is repeated until the model's length is full, words beyond it
are left out.
"""

from __future__ import annotations

import re
import zlib

import numpy as np

from offchain_workers.codecs.base import Answer, Raw, read_raw
from offchain_workers.models import ModelCard, TensorError, WireLengthError
from offchain_workers.models.errors import InvalidAnswerError
from offchain_workers.models.wire import to_wire, unpack_items

_MAX_TEXT = 65_536
_WORD = re.compile(r"[^\W_]+")


class WordsCodec:
    """See the module."""

    name = "words@1"

    def encode(self, card: ModelCard, raw: Raw, content_type: str = "") -> bytes:
        """The tokens. Raises TensorError for what is no text, or has no word."""
        try:
            text = read_raw(raw, _MAX_TEXT).decode()
        except UnicodeDecodeError as error:
            raise TensorError(f"not UTF-8 text: {error.reason} at byte {error.start}") from None
        vocabulary, spec = card.codec_config.get("vocabulary"), card.inputs[0]
        if type(vocabulary) is not int or vocabulary < 1:
            raise TensorError(f"model {card.name} has no vocabulary in its card")
        words = _WORD.findall(text.casefold())
        if not words:
            raise TensorError("the text has no word")
        tokens = [zlib.crc32(word.encode()) % vocabulary for word in words[: spec.elements]]
        full = np.resize(np.array(tokens), spec.shape)
        return to_wire(spec, full.astype(spec.wire_dtype))

    def decode(self, card: ModelCard, output: bytes) -> Answer:
        """``embedding``: the output's numbers, with seven digits."""
        if len(output) != card.item_bytes_out:
            raise WireLengthError(f"expected {card.item_bytes_out} output bytes, got {len(output)}")
        values = unpack_items(card.outputs, output, 1)[card.outputs[0].name].reshape(-1)
        if not np.isfinite(values).all():
            raise InvalidAnswerError(f"the answer has NaN or infinity in {card.outputs[0].name}")
        return {"embedding": [float(f"{value:.7g}") for value in values.tolist()]}
