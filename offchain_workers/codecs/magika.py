# SPDX-License-Identifier: Apache-2.0
"""magika@1: any file -> its type, exactly as the package magika 1.0.3 decides (high confidence).

Follows magika's `_extract_features_from_seekable` and `_get_output_label_from_dl_label_and_score`
(Apache-2.0, Google) without needing the package: sizes, thresholds and the rest are in the card.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from offchain_workers.codecs.base import Answer, NoModelNeededError, Raw, open_input, scores
from offchain_workers.models import InvalidCardError, ModelCard
from offchain_workers.problems import first_problem

_Size = Annotated[int, Field(gt=0, le=65_536)]


class MagikaConfig(BaseModel):
    """``codec_config`` of a magika card; the names are those of magika's own config."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    beg_size: _Size
    end_size: _Size
    block_size: _Size
    min_file_size_for_dl: _Size
    padding_token: Annotated[int, Field(gt=255, le=65_535)]
    medium_confidence_threshold: float
    thresholds: dict[str, float]
    overwrite_map: dict[str, str]
    text_labels: frozenset[str]


class MagikaCodec:
    """See the module."""

    name = "magika@1"

    def encode(self, card: ModelCard, raw: Raw, content_type: str = "") -> bytes:
        """The tokens of the file's two ends, u16.

        NoModelNeededError for an empty file (``empty``) and for one with too few bytes between
        blanks (``txt`` or ``unknown``): magika never asks its model about those.
        """
        config = _config(card)
        size, head, tail = _ends(raw, config.block_size)
        if size == 0:
            raise NoModelNeededError(_answer("empty", 1.0), "the file is empty")
        start = head.lstrip()[: config.beg_size]
        if size < config.min_file_size_for_dl or len(start) < config.min_file_size_for_dl:
            raise NoModelNeededError(_answer(_few_bytes_label(head), 1.0), "too few bytes")
        end = tail.rstrip()[-config.end_size :]
        tokens = np.full(config.beg_size + config.end_size, config.padding_token, "<u2")
        tokens[: len(start)] = np.frombuffer(start, np.uint8)
        tokens[len(tokens) - len(end) :] = np.frombuffer(end, np.uint8)
        return tokens.tobytes()

    def decode(self, card: ModelCard, output: bytes) -> Answer:
        """``label`` is what magika prints; ``model_label`` what the model itself said."""
        config = _config(card)
        values = scores(card, output)
        best = int(np.argmax(values))
        model_label, score = card.labels[best], float(values[best])
        label = config.overwrite_map.get(model_label, model_label)
        if score < config.thresholds.get(model_label, config.medium_confidence_threshold):
            label = "txt" if label in config.text_labels else "unknown"
        return _answer(label, score) | {"model_label": model_label}


def _config(card: ModelCard) -> MagikaConfig:
    try:
        config = MagikaConfig.model_validate(card.codec_config)
    except ValidationError as error:
        problem = first_problem(error, "card")
        raise InvalidCardError(f"codec_config of {card.name}: {problem}") from None
    if 2 * (config.beg_size + config.end_size) != card.item_bytes_in:
        raise InvalidCardError(f"{card.name}: beg_size and end_size do not fill its input")
    return config


def _ends(raw: Raw, block: int) -> tuple[int, bytes, bytes]:
    """Size of the input, its first and its last ``block`` bytes (the same when it is short)."""
    if not isinstance(raw, Path):
        return len(raw), raw[:block], raw[-block:]
    with open_input(raw) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(block)
        file.seek(max(0, size - block))
        return size, head, file.read(block)


def _few_bytes_label(content: bytes) -> str:
    try:
        content.decode()
    except UnicodeDecodeError:
        return "unknown"
    return "txt"


def _answer(label: str, score: float) -> Answer:
    return {"label": label, "score": score}
