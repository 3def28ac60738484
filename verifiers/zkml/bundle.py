# SPDX-License-Identifier: Apache-2.0
"""A circuit's files as they are published: each under its content id, all of them in the card."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from offchain_workers.models import ModelCard
from offchain_workers.models.card import MAX_CARD_BYTES
from offchain_workers.models.lowering import manifest
from offchain_workers.storage import content_id
from verifiers.base import ReadBlob
from verifiers.zkml import documents, settings
from verifiers.zkml.checker import inspect as inspect_program
from verifiers.zkml.circuit import METHOD, MOST_BYTES, Circuit, Description
from verifiers.zkml.errors import CircuitError
from verifiers.zkml.faults import ArtifactError, BundleError, SrsWrongError
from verifiers.zkml.program import SIZE
from verifiers.zkml.prover import KEY_FILE, ONNX_FILE, SETTINGS_FILE
from verifiers.zkml.settings import Binding, Facts
from verifiers.zkml.srs import FOLDER, Kind, Srs, ceremony, inspect

MODEL_FILE, CARD_FILE = "model.onnx", "card.json"
CIRCUIT_FILE, PROGRAM_FILE, SRS_FILE = "circuit.json", "program.bin", "development.srs"
NEEDED = (ONNX_FILE, SETTINGS_FILE, KEY_FILE, CIRCUIT_FILE, PROGRAM_FILE)
# A model of a hundred times the largest one that proves in minutes, its keys, its setup.
_MOST_BYTES = {
    ONNX_FILE: 1 << 26,
    SETTINGS_FILE: documents.MOST_BYTES,
    KEY_FILE: 1 << 26,
    CIRCUIT_FILE: MOST_BYTES,
    PROGRAM_FILE: SIZE + 1,
    SRS_FILE: 1 << 28,
}


@dataclass(frozen=True, eq=False)
class Bundle:
    """Files that were read, and belong together as far as hashes and numbers tell."""

    card: ModelCard
    files: Mapping[str, bytes]
    description: Description
    facts: Facts

    @property
    def circuit(self) -> Circuit:
        return self.description.circuit

    @property
    def artifact_id(self) -> bytes:
        return self.circuit.artifact_id()

    def write(self, folder: Path) -> None:
        """The card's files, without the setup's."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in self.files.items():
            (folder / name).write_bytes(data)

    def srs(self, folder: Path, known: Path = FOLDER) -> Srs:
        """The setup's file: the development one of ``folder``, or the ceremony's among ``known``.

        Raises SrsMissingError, SrsWrongError.
        """
        if self.description.kind is Kind.CEREMONY:
            return ceremony(known, self.description.k)
        found = inspect(folder / SRS_FILE)
        if (found.sha256, found.k) != (self.description.srs, self.description.k):
            raise SrsWrongError(f"{found.path} is not the setup that the circuit was made with")
        return found


def read(folder: Path) -> Bundle:
    """Raises BundleError, ArtifactError, UnsafeSettingsError, ProgramError,
    UncheckedProgramError."""
    return gather(
        ModelCard.from_canonical(_read(folder, CARD_FILE)),
        lambda name, cid: _checked(name, cid, _read(folder, name)),
    )


def fetch(card: ModelCard, blob: ReadBlob) -> Bundle:
    """A published one. Raises as ``read``, and StoreError."""
    return gather(card, lambda name, cid: blob(cid, _MOST_BYTES[name]))


def gather(card: ModelCard, get: Callable[[str, str], bytes]) -> Bundle:
    """All files that the card lists, through ``get(name, cid)``."""
    listed = manifest(card, METHOD)
    missing = [name for name in NEEDED if name not in listed]
    if missing:
        raise ArtifactError(f"the card lists no {missing[0]} under {METHOD}")
    strange = set(listed) - {*NEEDED, SRS_FILE}
    if strange:
        raise BundleError(f"the card lists a file {min(strange)[:80]!r}")
    files = {name: get(name, cid) for name, cid in listed.items()}
    found = Bundle(
        card,
        files,
        Description.from_json(files[CIRCUIT_FILE]),
        settings.facts(files[SETTINGS_FILE]),
    )
    check(found)
    return found


def check(bundle: Bundle) -> None:
    """What can be seen without making anything again. Raises as ``read``."""
    circuit, facts = bundle.circuit, bundle.facts
    program = inspect_program(bundle.files[PROGRAM_FILE])
    if program.code_hash() != circuit.program:
        raise BundleError(f"{PROGRAM_FILE} is not the program of {CIRCUIT_FILE}")
    if program.header.instances != facts.inputs + facts.outputs:
        raise CircuitError("program and settings differ in their public values")
    stated = (circuit.inputs, circuit.outputs, circuit.input_scale, circuit.output_scale)
    if stated != (facts.inputs, facts.outputs, facts.input_scale, facts.output_scale):
        raise BundleError(f"{CIRCUIT_FILE} and {SETTINGS_FILE} differ")
    bound = (facts.input is Binding.POLYCOMMIT, facts.weights is Binding.POLYCOMMIT)
    if bound != (circuit.input_points > 0, circuit.weight_points > 0):
        raise BundleError(f"{CIRCUIT_FILE} and {SETTINGS_FILE} bind differently")
    if facts.k != bundle.description.k:
        raise BundleError(f"{CIRCUIT_FILE} and {SETTINGS_FILE} differ in their rows")
    bundle.description.check_card(bundle.card)
    if bundle.description.kind is Kind.DEVELOPMENT and SRS_FILE not in bundle.files:
        raise BundleError(f"a development setup's bundle has its {SRS_FILE}")


def _read(folder: Path, name: str) -> bytes:
    most = _MOST_BYTES.get(name, MAX_CARD_BYTES)
    try:
        with (folder / name).open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise BundleError(f"{folder / name}: {error.strerror or error}") from None
    if len(data) > most:
        raise BundleError(f"{folder / name} has more than {most} bytes")
    return data


def _checked(name: str, cid: str, data: bytes) -> bytes:
    if content_id(data) != cid:
        raise BundleError(f"{name} is not the file that the card lists")
    return data
