# SPDX-License-Identifier: Apache-2.0
"""Inputs of a float model from files: JSON as ezkl's users have it, or NumPy's."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from verifiers.zkml.accuracy import Array
from verifiers.zkml.documents import MISSHAPEN
from verifiers.zkml.faults import SamplesError

MOST_SAMPLES = 64


def read_samples(path: Path) -> list[Array]:
    """One array an input. Raises SamplesError.

    JSON: ``{"input_data": [[...], ...]}``, each list an input; or one input as (nested) lists. An
    .npy or .npz holds one array, inputs on its first axis.
    """
    try:
        found = _json(path) if path.suffix == ".json" else _numpy(path)
    except OSError as error:
        raise SamplesError(f"{path}: {error.strerror or error}") from None
    except (*MISSHAPEN, MemoryError, EOFError, zipfile.BadZipFile) as error:
        raise SamplesError(f"{path}: {error}") from None
    if not found or not all(sample.size and np.isfinite(sample).all() for sample in found):
        raise SamplesError(f"{path} holds no samples of finite numbers")
    return found[:MOST_SAMPLES]


def _json(path: Path) -> list[Array]:
    tree: Any = json.loads(path.read_bytes())
    if isinstance(tree, dict):
        return [np.asarray(each, np.float64) for each in tree["input_data"]]
    return [np.asarray(tree, np.float64)]


def _numpy(path: Path) -> list[Array]:
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return list(loaded.astype(np.float64))
    with loaded as arrays:
        (name,) = arrays.files
        return list(arrays[name].astype(np.float64))
