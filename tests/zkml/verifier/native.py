# SPDX-License-Identifier: Apache-2.0
"""``ezkl.verify`` as a judge."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import ezkl

from benchmarks.zkml.circuit import Circuit

# What ezkl says no with; a panic of Rust is no Exception.
REFUSALS = ("RuntimeError", "PanicException")


class Native:
    def __init__(self, circuit: Circuit, scratch: Path) -> None:
        self._form = json.loads((circuit.folder / "proof.json").read_text())
        (self._setup,) = circuit.folder.parent.glob(f"kzg{circuit.built.program.header.k}.srs")
        self._circuit, self._path = circuit, scratch / "proof.json"

    def accepts(self, proof: bytes, instances: Sequence[int]) -> bool:
        words = [value.to_bytes(32, "little").hex() for value in instances]
        self._form |= {"proof": list(proof), "instances": [words]}
        self._path.write_text(json.dumps(self._form))
        folder = self._circuit.folder
        try:
            settings, key = str(folder / "settings.json"), str(folder / "vk.key")
            return bool(ezkl.verify(str(self._path), settings, key, str(self._setup)))
        except BaseException as refusal:
            if type(refusal).__name__ not in REFUSALS:
                raise
            return False
