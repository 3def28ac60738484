# SPDX-License-Identifier: Apache-2.0
"""Calibration samples from files: arrays, or a folder of arrays or of the codec's inputs."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np

from offchain_workers.codecs import get_codec
from offchain_workers.models import CodecError, ModelCard
from offchain_workers.models.wire import unpack_items
from verifiers.opml.compiler.errors import SamplesError
from verifiers.opml.compiler.graph import Array

MOST_SAMPLES = 4096
_NUMPY = (".npy", ".npz")


def read_samples(path: Path, card: ModelCard | None = None) -> list[Array]:
    """One array for each item, without batch. Raises SamplesError.

    An .npz holds one array, items on its first axis, or one array an item; an .npy is like the
    first, and so are nested lists in a .json. In a folder, in order of names, an .npy file is an
    item, and any other file an input of the card's codec; files of which the codec knows the
    answer without the model are left out.
    """
    try:
        found = _folder(path, card) if path.is_dir() else _file(path)
    except OSError as error:
        raise SamplesError(f"{path}: {error.strerror or error}") from None
    except (ValueError, EOFError, RecursionError, zipfile.BadZipFile) as error:
        raise SamplesError(f"{path}: {error}") from None
    if not found:
        raise SamplesError(f"{path} holds no samples")
    for number, sample in enumerate(found):
        if sample.dtype.kind not in "biuf" or not np.isfinite(sample).all():
            raise SamplesError(f"{path}: sample {number} is not all finite numbers")
    return found[:MOST_SAMPLES]


def _file(path: Path) -> list[Array]:
    if path.suffix == ".json":
        return _items(np.asarray(json.loads(path.read_bytes())))
    if path.suffix not in _NUMPY:
        raise ValueError(f"neither {', '.join(_NUMPY)} or .json nor a folder")
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return _items(loaded)
    with loaded as arrays:
        names = sorted(arrays.files)
        return _items(arrays[names[0]]) if len(names) == 1 else [arrays[name] for name in names]


def _items(array: Array) -> list[Array]:
    if not array.ndim:
        raise ValueError("a single value, not items on a first axis")
    return list(array)


def _folder(path: Path, card: ModelCard | None) -> list[Array]:
    found = []
    for file in sorted(entry for entry in path.iterdir() if entry.is_file()):
        if file.suffix == ".npy":
            found.append(np.load(file, allow_pickle=False))
        elif card is not None:
            sample = encoded(card, file)
            found += [] if sample is None else [sample]
        else:
            raise SamplesError(f"{file.name}: to read anything but .npy, give the model's card")
    return found


def encoded(card: ModelCard, raw: bytes | Path) -> Array | None:
    """An input through the card's codec; None when the codec refuses it."""
    try:
        wire = get_codec(card.codec).encode(card, raw)
    except CodecError:
        return None
    (array,) = unpack_items(card.inputs, wire, 1).values()
    result: Array = array[0]
    return result
