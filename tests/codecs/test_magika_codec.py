# SPDX-License-Identifier: Apache-2.0
"""magika@1 against the package magika itself, on files of many kinds found on this machine."""

from __future__ import annotations

import gzip
import io
import random
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offchain_workers.codecs import NoModelNeededError
from offchain_workers.codecs.magika import MagikaCodec
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.models import CodecError, ModelCard
from offchain_workers.models.demo import magika
from offchain_workers.models.demo_files import demo_files
from offchain_workers.models.wire import pack_items, unpack_items

CODEC, MODEL = MagikaCodec(), magika()
CARD = MODEL.card
ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "contracts", ROOT / "docs", Path(sysconfig.get_path("purelib")), Path("/usr"))
PER_SUFFIX, MOST_FILES, MOST_SEEN = 2, 150, 40_000


@cache
def oracle() -> Any:
    return pytest.importorskip("magika").Magika()


@cache
def session() -> Any:
    return EmbeddedEngine().load(MODEL.spec, MODEL.onnx_bytes)


def ours(raw: bytes | Path) -> tuple[str, float]:
    try:
        item = CODEC.encode(CARD, raw)
    except NoModelNeededError as decided:
        return decided.answer["label"], decided.answer["score"]
    output = session().run(unpack_items(CARD.inputs, item, 1))
    answer = CODEC.decode(CARD, pack_items(CARD.outputs, output))
    return answer["label"], answer["score"]


def theirs(content: bytes) -> tuple[str, float]:
    result = oracle().identify_bytes(content)
    return str(result.prediction.output.label), result.prediction.score


def found_files() -> Iterator[Path]:
    """A few files of each suffix, in a fixed order."""
    seen: dict[str, int] = {}
    for folder in FOLDERS:
        for path in islice(folder.rglob("*"), MOST_SEEN):
            suffix = path.suffix.lower()
            if seen.get(suffix, 0) < PER_SUFFIX and path.is_file() and not path.is_symlink():
                seen[suffix] = seen.get(suffix, 0) + 1
                yield path


def archives() -> list[bytes]:
    text = b"model network\n" * 100
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("a.txt", text)
    with tarfile.open(fileobj=tarred, mode="w") as tar:
        entry = tarfile.TarInfo("a.txt")
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text))
    return [zipped.getvalue(), tarred.getvalue(), gzip.compress(text, mtime=0)]


def test_files_of_this_machine_get_magikas_labels() -> None:
    files = list(islice(found_files(), MOST_FILES))
    assert len(files) >= 60
    labels = set()
    for path in files:
        content = path.read_bytes()
        expected = theirs(content)
        assert ours(path) == expected, path
        assert ours(content) == expected, path
        labels.add(expected[0])
    assert len(labels) >= 15, labels


def test_generated_files_get_magikas_labels() -> None:
    for content in [*archives(), *(content for _, content, _ in demo_files())]:
        assert ours(content) == theirs(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a",
        b"\xff",
        b"1234567",
        b"12345678",
        b"  \n  abcdefg  ",
        b"  \n  abcdefgh  ",
        b" " * 5000,
        b" " * 5000 + b"abcdefgh",
        b" " * 4095 + "é".encode() * 100,
        b"abcdefgh" + b"\n" * 5000,
        b"\x00" * 4096,
        b"\x00" * 4097,
        random.Random(1).randbytes(1023),
        random.Random(2).randbytes(1025),
        random.Random(3).randbytes(100_000),
        b"\x0b\x0c\x1c\x85\xa0 12345678",
    ],
)
def test_edges_of_magikas_rules(content: bytes, tmp_path: Path) -> None:
    expected = theirs(content)
    assert ours(content) == expected
    (tmp_path / "file").write_bytes(content)
    assert ours(tmp_path / "file") == expected


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 5000),
    st.binary(max_size=40),
    st.integers(0, 5000),
    st.sampled_from([b" ", b"\n", b"a", b"\xff"]),
)
def test_features_are_magikas(before: int, middle: bytes, after: int, fill: bytes) -> None:
    content = fill * before + middle + fill * after
    config = oracle()._model_config
    module = pytest.importorskip("magika.magika")
    features = oracle()._get_result_or_features_from_seekable(module.Seekable(io.BytesIO(content)))
    if features[0] is not None:
        with pytest.raises(NoModelNeededError) as decided:
            CODEC.encode(CARD, content)
        assert decided.value.answer["label"] == str(features[0].prediction.output.label)
        return
    item = CODEC.encode(CARD, content)
    assert len(item) == 4096
    assert np.frombuffer(item, "<u2").tolist() == features[1].beg + features[1].end
    assert config.beg_size == len(features[1].beg)


def test_thresholds_and_overwrites() -> None:
    """Every label, just under and at its threshold, as magika itself decides it."""
    config = oracle()._model_config
    for index, label in enumerate(CARD.labels):
        limit = config.thresholds.get(label, config.medium_confidence_threshold)
        for score in (np.nextafter(np.float32(limit), np.float32(0)), np.float32(limit), 0.99):
            output = np.zeros(214, "<f4")
            output[index] = score
            expected, _ = oracle()._get_output_label_from_dl_label_and_score(
                oracle()._model_config.target_labels_space[index], float(output[index])
            )
            assert CODEC.decode(CARD, output.tobytes())["label"] == str(expected)


@pytest.mark.parametrize("output", [b"", bytes(855), np.full(214, np.nan, "<f4").tobytes()])
def test_decode_refuses_what_is_no_answer(output: bytes) -> None:
    with pytest.raises(CodecError):
        CODEC.decode(CARD, output)


def test_a_card_without_its_config_is_refused() -> None:
    tree = CARD.model_dump(by_alias=True) | {"codec_config": {"beg_size": 1024}}
    with pytest.raises(CodecError, match="MN-CODEC-001: codec_config of magika"):
        CODEC.encode(ModelCard.model_validate(tree), b"12345678")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CodecError, match="MN-CODEC-004"):
        CODEC.encode(CARD, tmp_path / "missing")
