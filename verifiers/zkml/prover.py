# SPDX-License-Identifier: Apache-2.0
"""A circuit in a folder: compile it, make its keys, prove. Only proof and instances count."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifiers.zkml import documents
from verifiers.zkml.builder import Built, build
from verifiers.zkml.circuit import felt
from verifiers.zkml.documents import MISSHAPEN
from verifiers.zkml.errors import CircuitError, ProofError
from verifiers.zkml.faults import VersionError
from verifiers.zkml.field import R
from verifiers.zkml.runner import Ezkl, Step

ONNX_FILE, SETTINGS_FILE, KEY_FILE = "float.onnx", "settings.json", "vk.key"
COMPILED_FILE, PROVING_FILE, SOURCE_FILE = "circuit.ezkl", "pk.key", "verifier.sol"
# Of the temporary folders with keys and inputs.
SCRATCH = "fusion-zkml-"
_INPUT, _WITNESS, _PROOF = "input.json", "witness.json", "proof.json"


@dataclass(frozen=True)
class Proof:
    """As the chain takes it: words of 32 bytes, and the public values, inputs in front."""

    data: bytes
    instances: tuple[int, ...]

    def tree(self) -> dict[str, Any]:
        """As ezkl's proof file has it: values little-endian, words as bytes."""
        return {
            "protocol": None,
            "instances": [[_text(value) for value in self.instances]],
            "proof": list(self.data),
            "hex_proof": "0x" + self.data.hex(),
            "split": None,
            "pretty_public_inputs": None,
            "timestamp": None,
            "version": None,
        }

    @classmethod
    def read(cls, path: Path) -> Proof:
        """Of ezkl's proof file; all but proof and instances is left alone. Raises ProofError."""
        try:
            with path.open("rb") as file:
                return cls.parse(file.read(documents.MOST_BYTES + 1))
        except OSError as error:
            raise ProofError(f"{path}: {error.strerror or error}") from None
        except MISSHAPEN as error:
            raise ProofError(f"{path}: {error}") from None

    @classmethod
    def parse(cls, data: bytes) -> Proof:
        """Raises MISSHAPEN."""
        tree = documents.tree(data)
        (values,) = tree["instances"]
        words = tree["proof"]
        # bytes(n) would be n zeros.
        if not isinstance(values, list) or not isinstance(words, list):
            raise ValueError("instances and proof are lists")
        found = cls(bytes(words), tuple(_felt(text) for text in values))
        if any(value >= R for value in found.instances) or len(found.data) % 32:
            raise ValueError("values out of range")
        return found


@dataclass(frozen=True)
class Witness:
    """What a circuit computes: output values, and how many points commit to input and weights."""

    outputs: tuple[int, ...]
    input_points: int
    weight_points: int


class Prover:
    """``folder`` has the float model and the settings, and gets everything else; ``srs``: the file
    of the setup. One proof at a time. Raises the runner's errors."""

    def __init__(self, folder: Path, srs: Path, ezkl: Ezkl | None = None) -> None:
        self.folder = folder
        self._srs = str(srs.resolve())
        self._ezkl = ezkl or Ezkl(folder)

    def prepare(self) -> None:
        """Both keys, from the float model and the settings."""
        self._ezkl.run(*self.compiling(), self._setup())

    def check_version(self, wanted: str) -> None:
        """Keys and proofs are bound to one version of ezkl. Raises VersionError."""
        (version,) = self._ezkl.run(Step("version", {})).results
        if version != wanted:
            raise VersionError(f"files of ezkl {wanted}, {version} is installed")

    def compiling(self) -> list[Step]:
        paths = {"model": ONNX_FILE, "compiled_circuit": COMPILED_FILE}
        return [Step("compile_circuit", {**paths, "settings_path": SETTINGS_FILE})]

    def program(self) -> Built:
        """Of the verifier that ezkl emits for the circuit's key. Raises CircuitError."""
        return build(self.source())

    def source(self) -> str:
        """The Solidity of that verifier."""
        paths = {"sol_code_path": SOURCE_FILE, "abi_path": "verifier.abi", "reusable": False}
        keys = {"vk_path": KEY_FILE, "settings_path": SETTINGS_FILE, "srs_path": self._srs}
        self._ezkl.run(Step("create_evm_verifier", paths | keys))
        return (self.folder / SOURCE_FILE).read_text(encoding="utf-8")

    def witnesses(self, inputs: Sequence[Sequence[int]]) -> list[Witness]:
        """Of inputs' integers, without keys, so that no commitment is computed.

        Raises EzklFailedError when numbers leave the circuit's range.
        """
        places = [(f"input{i}.json", f"witness{i}.json") for i in range(len(inputs))]
        for values, (given, _) in zip(inputs, places, strict=True):
            self._give(values, given)
        self._ezkl.run(*(self._witness(*place, keyed=False) for place in places))
        return [_read_witness(self.folder / found) for _, found in places]

    def compute(self, values: Sequence[int]) -> None:
        """The circuit on an input, without commitments; beside a proof that is being made, and no
        file stays. Raises EzklFailedError when numbers leave the circuit's range."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            given, found = f"{name}/{_INPUT}", f"{name}/{_WITNESS}"
            self._give(values, given)
            self._ezkl.run(self._witness(given, found, keyed=False))

    def points(self, values: Sequence[int]) -> Witness:
        """With commitments, for how many points they have."""
        self._give(values)
        self._ezkl.run(self._witness())
        return _read_witness(self.folder / _WITNESS)

    def prove(self, values: Sequence[int]) -> Proof:
        """Of the answer to an input, of which no file stays."""
        paths = {"model": COMPILED_FILE, "pk_path": PROVING_FILE, "srs_path": self._srs}
        proving = Step("prove", {"witness": _WITNESS, "proof_path": _PROOF, **paths})
        try:
            self._give(values)
            self._ezkl.run(self._witness(), proving)
        finally:
            for name in (_INPUT, _WITNESS):
                (self.folder / name).unlink(missing_ok=True)
        return Proof.read(self.folder / _PROOF)

    def verify(self, proof: Proof | None = None) -> None:
        """The last proof, or another, by ezkl. Raises EzklFailedError when it is none."""
        if proof is not None:
            (self.folder / _PROOF).write_text(json.dumps(proof.tree()), encoding="utf-8")
        keys = {"settings_path": SETTINGS_FILE, "vk_path": KEY_FILE, "srs_path": self._srs}
        self._ezkl.run(Step("verify", {"proof_path": _PROOF, **keys}))

    def commitment(self, values: Sequence[int]) -> bytes:
        """Points that commit to an input, as a proof has them in front."""
        keys = {"vk_path": KEY_FILE, "settings_path": SETTINGS_FILE, "srs_path": self._srs}
        message = [_text(value) for value in values]
        (points,) = self._ezkl.run(Step("kzg_commit", {"message": message, **keys})).results
        return b"".join(_felt(part).to_bytes(32, "big") for point in points for part in point)

    def _give(self, values: Sequence[int], name: str = _INPUT) -> None:
        given = {"input_data": [[_text(value) for value in values]]}
        (self.folder / name).write_text(json.dumps(given), encoding="utf-8")

    def _setup(self) -> Step:
        keys = {"vk_path": KEY_FILE, "pk_path": PROVING_FILE, "srs_path": self._srs}
        return Step("setup", {"model": COMPILED_FILE, **keys})

    def _witness(self, given: str = _INPUT, found: str = _WITNESS, keyed: bool = True) -> Step:
        keys = {"vk_path": KEY_FILE, "srs_path": self._srs} if keyed else {}
        paths = {"data": given, "model": COMPILED_FILE, "output": found}
        return Step("gen_witness", paths | keys)


def _read_witness(path: Path) -> Witness:
    """Raises CircuitError: some circuit is not what its settings say."""
    tree = json.loads(path.read_bytes())
    try:
        (outputs,) = tree["outputs"]
        return Witness(
            tuple(_felt(text) for text in outputs),
            _points(tree.get("processed_inputs")),
            _points(tree.get("processed_params")),
        )
    except MISSHAPEN as error:
        raise CircuitError(f"a circuit with another witness: {error}") from None


def _text(value: int) -> str:
    """As ezkl reads a value of the field: no float rounds it."""
    return felt(value).to_bytes(32, "little").hex()


def _felt(text: str) -> int:
    return int.from_bytes(bytes.fromhex(text), "little")


def _points(processed: Any) -> int:
    groups = (processed or {}).get("polycommit") or []
    return sum(len(group) for group in groups)
