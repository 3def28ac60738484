# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain_workers.codecs.digits import DigitsCodec
from offchain_workers.models import CodecError
from offchain_workers.models.demo import digits

CODEC, CARD = DigitsCodec(), digits().card
PIXELS = [i % 17 for i in range(64)]


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize(
    "raw",
    [
        bytes(PIXELS),
        json.dumps(PIXELS).encode(),
        json.dumps([PIXELS[i : i + 8] for i in range(0, 64, 8)]).encode(),
        json.dumps([float(p) for p in PIXELS]).encode(),
        npy(np.array(PIXELS, np.uint8)),
        npy(np.array(PIXELS, np.float64).reshape(8, 8)),
    ],
    ids=["raw", "json", "json-rows", "json-floats", "npy", "npy-as-in-scikit-learn"],
)
def test_every_form_gives_the_same_64_bytes(raw: bytes, tmp_path: Path) -> None:
    assert CODEC.encode(CARD, raw) == bytes(PIXELS)
    (tmp_path / "digit").write_bytes(raw)
    assert CODEC.encode(CARD, tmp_path / "digit") == bytes(PIXELS)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        bytes([17] * 64),
        bytes(63),
        json.dumps([17] * 64).encode(),
        json.dumps([-1] * 64).encode(),
        json.dumps([0.5] * 64).encode(),
        json.dumps([0] * 63).encode(),
        json.dumps([[0] * 8] * 7).encode(),
        json.dumps({"inputs": {"pixels": PIXELS}}).encode(),
        json.dumps([[0] * 8] * 7 + [[0]]).encode(),
        npy(np.full(64, np.inf)),
        npy(np.full(64, np.nan)),
        npy(np.zeros((4, 16))),
    ],
)
def test_what_is_no_image(raw: bytes) -> None:
    with pytest.raises(CodecError) as caught:
        CODEC.encode(CARD, raw)
    assert "\n" not in str(caught.value)


def test_decode_gives_the_largest_logit_and_its_softmax() -> None:
    logits = np.zeros(10, "<f4")
    logits[7] = np.log(9)
    assert CODEC.decode(CARD, logits.tobytes()) == {"label": "7", "score": 0.5}


@given(st.binary(min_size=40, max_size=40))
def test_decode_is_total(output: bytes) -> None:
    try:
        answer = CODEC.decode(CARD, output)
    except CodecError:
        return
    assert answer["label"] in CARD.labels
    assert 0.1 <= answer["score"] <= 1
