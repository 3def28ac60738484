# SPDX-License-Identifier: Apache-2.0
"""Inputs of a float model from files: JSON as ezkl's users have it, or NumPy's."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from verifiers.zkml.accuracy import Array
from verifiers.zkml.documents import MISSHAPEN
from verifiers.zkml.faults import SamplesError

MOST_SAMPLES = 64


def read_samples(path: Path) -> list[Array]:
    """The arrays of a file. Raises SamplesError.

    JSON: ``{"input_data": [[...], ...]}``, or (nested) lists. An .npy or .npz holds one array.
    """
    try:
        found = _json(path) if path.suffix == ".json" else _numpy(path)
    except OSError as error:
        raise SamplesError(f"{path}: {error.strerror or error}") from None
    except (*MISSHAPEN, MemoryError, EOFError, zipfile.BadZipFile) as error:
        raise SamplesError(f"{path}: {error}") from None
    if not found or not all(array.size and np.isfinite(array).all() for array in found):
        raise SamplesError(f"{path} holds no samples of finite numbers")
    return found


def inputs_of(arrays: Sequence[Array], size: int) -> list[Array]:
    """The inputs of a model that takes ``size`` numbers: each array is one, or has them on its
    first axis. Raises SamplesError."""
    found: list[Array] = []
    for array in arrays:
        found += [array] if array.size == size or not array.ndim else list(array)
    if not found or any(each.size != size for each in found):
        raise SamplesError(f"samples must have {size} numbers each")
    return found[:MOST_SAMPLES]


def _json(path: Path) -> list[Array]:
    tree: Any = json.loads(path.read_bytes())
    lists = tree["input_data"] if isinstance(tree, dict) else [tree]
    return [np.asarray(each, np.float64) for each in lists]


def _numpy(path: Path) -> list[Array]:
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return [loaded.astype(np.float64)]
    with loaded as arrays:
        (name,) = arrays.files
        return [arrays[name].astype(np.float64)]
