# SPDX-License-Identifier: Apache-2.0
"""file-type@1: small files of forty kinds, with the kind that each is.

Texts stand in data/texts.json as lists of lines; the others are made here.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sqlite3
import struct
import tarfile
import tempfile
import wave
import zipfile
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from offchain_workers.evaluation.suite import labelled
from offchain_workers.models.demo_files import demo_files


@cache
def _texts() -> dict[str, str]:
    data = (files("offchain_workers.evaluation") / "data" / "texts.json").read_bytes()
    by_label = json.loads(data)
    return {label: "".join(f"{line}\n" for line in lines) for label, lines in by_label.items()}


def _prose() -> bytes:
    return "\n".join(_texts()["txt"].splitlines() * 4).encode()


@cache
def _cases() -> Sequence[tuple[bytes, str]]:
    texts = [(text.encode(), label) for label, text in _texts().items()]
    demo = [(data, label) for _, data, label in demo_files()]
    return [*demo, *texts, *_archives(), *_media(), (_table(), "sqlite"), (_notebook(), "ipynb")]


def _archives() -> list[tuple[bytes, str]]:
    prose, zipped, tarred = _prose(), io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        for name in ("one.txt", "two.txt"):
            archive.writestr(zipfile.ZipInfo(name), prose)
    with tarfile.open(fileobj=tarred, mode="w") as archive_:
        entry = tarfile.TarInfo("one.txt")
        entry.size = len(prose)
        archive_.addfile(entry, io.BytesIO(prose))
    return [
        (zipped.getvalue(), "zip"),
        (tarred.getvalue(), "tar"),
        (bz2.compress(prose), "bzip"),
        (lzma.compress(prose), "xz"),
        (gzip.compress(prose, mtime=0), "gzip"),
    ]


def _media() -> list[tuple[bytes, str]]:
    pixels = bytes((x * 7 ^ y * 5) & 255 for y in range(32) for x in range(32))
    bitmap = struct.pack("<IiiHHIIiiII", 40, 32, 32, 1, 8, 0, 1024, 2835, 2835, 256, 0)
    palette = b"".join(bytes((i, i, i, 0)) for i in range(256))
    start = 14 + len(bitmap) + len(palette)
    head = b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start)
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(b"".join(struct.pack("<h", i * 37 % 9_000) for i in range(4_000)))
    return [(head + bitmap + palette + pixels, "bmp"), (sound.getvalue(), "wav")]


def _table() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table"
        connection = sqlite3.connect(path)
        connection.execute("create table jobs (id integer primary key, model text, price integer)")
        connection.executemany(
            "insert into jobs (model, price) values (?, ?)", [("digits", i) for i in range(99)]
        )
        connection.commit()
        connection.close()
        return path.read_bytes()


def _notebook() -> bytes:
    cell = {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": []}
    cells = [{**cell, "source": [f"x = {i}\n", "print(x)"]} for i in range(3)]
    tree = {"cells": cells, "metadata": {"language_info": {"name": "python"}}}
    return json.dumps(tree | {"nbformat": 4, "nbformat_minor": 5}, indent=1).encode()


SUITE = labelled("file-type@1", _cases)
