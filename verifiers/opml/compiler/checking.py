# SPDX-License-Identifier: Apache-2.0
"""A bundle that somebody else compiled: do its files belong together, do they come out again?"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import TypeAdapter, ValidationError

from offchain_workers.models import ModelCard
from offchain_workers.models.lowering import manifest
from offchain_workers.storage import content_id
from verifiers.opml import bundle
from verifiers.opml.compiler import importer
from verifiers.opml.compiler.accuracy import differing, measure
from verifiers.opml.compiler.compile import Compiled, Options, compile_graph
from verifiers.opml.compiler.errors import BundleError
from verifiers.opml.compiler.graph import Array
from verifiers.opml.compiler.package import (
    ACCURACY_FILE,
    CARD_FILE,
    LABELS,
    OPTIONS_FILE,
    SAMPLES_FILE,
    TESTS_FILE,
    child_card,
    program_files,
)
from verifiers.opml.program import Header


class Samples(NamedTuple):
    """Items as the float model takes them, and their classes where they are known."""

    items: list[Array]
    labels: list[int] | None


def check(folder: Path, data: bytes | None = None, parent: ModelCard | None = None) -> Header:
    """A bundle's header, when its files belong together and have a certificate.

    With ``data``, the float model, everything is made again: the program's files must have the same
    bytes, the card must be the one that follows from them and from ``parent``, the float model's
    card (without it, what a card takes over from there is not judged), and its figures of accuracy
    those that are measured here. Raises BundleError and the errors of ``verifiers.opml.bundle``.
    """
    program = bundle.load(folder)
    program.certify()
    card = ModelCard.from_canonical(_read(folder, CARD_FILE))
    files = {name: _listed(folder, name, cid) for name, cid in manifest(card, "opml").items()}
    if not files:
        raise BundleError(f"{CARD_FILE} lists no files under opml")
    if data is not None:
        compiled, made = _recompiled(files, data)
        for name in sorted(made):
            if _read(folder, name) != made[name]:
                raise BundleError(f"{name} is not what this machine compiles")
        _compare_card(card, compiled, files | made, _figures(files, data, compiled), parent)
    return program.header


def _compare_card(
    card: ModelCard,
    compiled: Compiled,
    files: dict[str, bytes],
    figures: dict[str, Any],
    parent: ModelCard | None,
) -> None:
    """With the float model's card, and with none: publishers may compile without one."""
    wanted = child_card(compiled, files, figures, parent or card, card.name)
    if card not in (wanted, child_card(compiled, files, figures, None, card.name)):
        raise BundleError(f"{CARD_FILE} has another {_difference(card, wanted)}")


def _recompiled(files: dict[str, bytes], data: bytes) -> tuple[Compiled, dict[str, bytes]]:
    try:
        options = json.loads(_of(files, OPTIONS_FILE))
        source = options.pop("parent_onnx")
        chosen = TypeAdapter(Options).validate_python(options)
    except (ValueError, KeyError, AttributeError, ValidationError) as error:
        raise BundleError(f"{OPTIONS_FILE} is not readable: {error}") from None
    if source != content_id(data):
        raise BundleError(f"the bundle was compiled from another ONNX file, {source}")
    compiled = compile_graph(data, _samples(files, SAMPLES_FILE).items, chosen)
    return compiled, program_files(compiled, chosen)[0]


def _figures(files: dict[str, bytes], data: bytes, compiled: Compiled) -> dict[str, Any]:
    """Of accuracy.json, when measuring again gives the same but for a float model's last bits."""
    try:
        stored = json.loads(_of(files, ACCURACY_FILE))
        is_held_out = stored["held_out"]
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{ACCURACY_FILE} is not readable: {error}") from None
    tried = _samples(files, TESTS_FILE if is_held_out else SAMPLES_FILE)
    measured = measure(importer.load(data), compiled, tried.items, tried.labels)
    if other := differing(stored, measured.to_json() | {"held_out": is_held_out}):
        raise BundleError(f"{ACCURACY_FILE} has another {other} than is measured here")
    return dict(stored)


def _samples(files: dict[str, bytes], name: str) -> Samples:
    try:
        with np.load(io.BytesIO(_of(files, name)), allow_pickle=False) as arrays:
            names = sorted(set(arrays.files) - {LABELS})
            labels = arrays[LABELS].tolist() if LABELS in arrays.files else None
            if names == ["samples"]:
                return Samples(list(arrays["samples"]), labels)
            return Samples([arrays[n] for n in names], labels)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BundleError(f"{name} is not readable: {error}") from None


def _difference(card: ModelCard, wanted: ModelCard) -> str:
    """The first field in which they differ, and in ``methods`` the first note."""
    have, want = card.model_dump(mode="json"), wanted.model_dump(mode="json")
    field = next(name for name in want if have[name] != want[name])
    if field != "methods":
        return field
    have, want = ({"opml": {}} | tree["methods"] for tree in (have, want))
    notes = sorted(have["opml"].keys() | want["opml"].keys())
    return next((n for n in notes if have["opml"].get(n) != want["opml"].get(n)), field)


def _listed(folder: Path, name: str, cid: str) -> bytes:
    data = _read(folder, name)
    if content_id(data) != cid:
        raise BundleError(f"{name} is not the file that the card lists")
    return data


def _of(files: dict[str, bytes], name: str) -> bytes:
    if name not in files:
        raise BundleError(f"{CARD_FILE} lists no {name}")
    return files[name]


def _read(folder: Path, name: str) -> bytes:
    if Path(name).name != name:
        raise BundleError(f"{CARD_FILE} lists a file {name[:80]!r}")
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise BundleError(f"{name}: {error.strerror or error}") from None
