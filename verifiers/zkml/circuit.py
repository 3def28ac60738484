# SPDX-License-Identifier: Apache-2.0
"""The artifact of method zkml: what decides about a model's answers, as IZkmlVerifier has it."""

from __future__ import annotations

import json
from dataclasses import asdict, astuple, dataclass
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from offchain_workers.models import ModelCard
from verifiers.zkml import documents
from verifiers.zkml.documents import MISSHAPEN, whole
from verifiers.zkml.faults import ArtifactError
from verifiers.zkml.field import R
from verifiers.zkml.settings import LARGEST_K, MOST_SCALE, MOST_VALUES, Binding
from verifiers.zkml.srs import CEREMONY_NEG_TAU_G2, Kind

VERSION = 1
NO_WEIGHTS = bytes(32)
_TYPES = ["uint256", "bytes32", "bytes32", "bytes32", *["uint256"] * 6]
_SCHEMA = "zkml@1"
METHOD = "zkml"
MOST_BYTES = 1 << 14
_MOST_TEXT, _WORD = 80, 32

NegTau = tuple[int, int, int, int]


@dataclass(frozen=True)
class Circuit:
    """Hashes are 32 bytes; see IZkmlVerifier for what each says."""

    version: int
    setup: bytes
    program: bytes
    weights: bytes
    inputs: int
    input_points: int
    weight_points: int
    outputs: int
    input_scale: int
    output_scale: int

    def abi(self) -> tuple[Any, ...]:
        return astuple(self)

    def artifact_id(self) -> bytes:
        return keccak(encode(_TYPES, self.abi()))


@dataclass(frozen=True)
class Description:
    """circuit.json: a circuit, and with what it was made. ``srs`` is the setup file's SHA-256."""

    circuit: Circuit
    neg_tau_g2: NegTau
    ezkl: str
    k: int
    srs: str

    @property
    def kind(self) -> Kind:
        """By the point that the verifier is deployed with, not by what somebody wrote down."""
        ceremony = self.neg_tau_g2 == CEREMONY_NEG_TAU_G2
        return Kind.CEREMONY if ceremony else Kind.DEVELOPMENT

    def notes(self) -> dict[str, Any]:
        """What a model's card must say of it, beside the files: under which setup and by which
        numbers its answers are read."""
        circuit = self.circuit
        given = Binding.PUBLIC if circuit.inputs else Binding.POLYCOMMIT
        weights = Binding.POLYCOMMIT if circuit.weight_points else Binding.FIXED
        return {
            "input": {"scale": 2.0**-circuit.input_scale, "zero": 0},
            "output": {"scale": 2.0**-circuit.output_scale, "zero": 0},
            "binding": {"input": given.value, "weights": weights.value},
            "setup": self.kind.value,
            "ezkl": self.ezkl,
        }

    def check_card(self, card: ModelCard) -> None:
        """Raises ArtifactError when the card has other tensors, or says something else of it."""
        circuit, specs = self.circuit, (*card.inputs, *card.outputs)
        if len(specs) != 2 or specs[1].wire != "i64" or specs[1].elements != circuit.outputs:
            raise ArtifactError("the card has other tensors than the circuit")
        size = specs[0].elements
        # A point commits to as many values as there are rows.
        fits = size == circuit.inputs or (not circuit.inputs and size <= 1 << self.k)
        if not fits or specs[0].wire[0] == "f":
            raise ArtifactError("the card has another input than the circuit")
        stated = card.methods.get(METHOD)
        notes = stated if isinstance(stated, dict) else {}
        wrong = [name for name, value in self.notes().items() if notes.get(name) != value]
        if wrong:
            raise ArtifactError(f"the card's {wrong[0]} under {METHOD} is not the circuit's")

    def to_json(self) -> bytes:
        circuit = {
            name: "0x" + value.hex() if isinstance(value, bytes) else value
            for name, value in asdict(self.circuit).items()
        }
        tree = {
            "schema": _SCHEMA,
            "circuit": circuit,
            "neg_tau_g2": [f"0x{part:064x}" for part in self.neg_tau_g2],
            "ezkl": self.ezkl,
            "k": self.k,
            "srs": {"sha256": self.srs, "kind": self.kind.value},
        }
        return f"{json.dumps(tree, indent=1, sort_keys=True)}\n".encode()

    @classmethod
    def from_json(cls, data: bytes) -> Description:
        """Raises ArtifactError for anything but what ``to_json`` writes."""
        try:
            tree = documents.tree(data, MOST_BYTES)
            a, b, c, d = (int.from_bytes(_word(part), "big") for part in tree["neg_tau_g2"])
            ezkl, srs = str(tree["ezkl"])[:_MOST_TEXT], str(tree["srs"]["sha256"])[:_MOST_TEXT]
            k = whole(tree["k"], 1, LARGEST_K)
            found = cls(_circuit(tree["circuit"]), (a, b, c, d), ezkl, k, srs)
        except MISSHAPEN as error:
            raise ArtifactError(f"circuit.json is not readable: {error}") from None
        if found.to_json() != data or setup_hash(found.neg_tau_g2) != found.circuit.setup:
            raise ArtifactError("circuit.json is not as it is written, or of another setup")
        return found


def _circuit(tree: dict[str, Any]) -> Circuit:
    """Within what the contract takes. Raises MISSHAPEN."""
    return Circuit(
        version=whole(tree["version"], VERSION, VERSION),
        setup=_word(tree["setup"]),
        program=_word(tree["program"]),
        weights=_word(tree["weights"]),
        inputs=whole(tree["inputs"], 0, MOST_VALUES),
        input_points=whole(tree["input_points"], 0, 1),
        weight_points=whole(tree["weight_points"], 0, 1),
        outputs=whole(tree["outputs"], 1, MOST_VALUES),
        input_scale=whole(tree["input_scale"], 0, MOST_SCALE),
        output_scale=whole(tree["output_scale"], 0, MOST_SCALE),
    )


def _word(text: Any) -> bytes:
    """32 bytes, as 0x and hex digits. Raises MISSHAPEN."""
    found = bytes.fromhex(text.removeprefix("0x"))
    if len(found) != _WORD:
        raise ValueError(f"{len(found)} bytes, not {_WORD}")
    return found


def setup_hash(neg_tau_g2: NegTau) -> bytes:
    """How contracts name a setup."""
    return keccak(b"".join(part.to_bytes(32, "big") for part in neg_tau_g2))


def felts_hash(felts: list[int]) -> bytes:
    """The commitment to public values."""
    return keccak(b"".join(felt.to_bytes(32, "big") for felt in felts))


def commitment(points: bytes) -> bytes:
    """How contracts name a commitment by points, 64 bytes each."""
    return keccak(points)


def felt(value: int) -> int:
    """A signed integer in the field."""
    return value % R


def signed(value: int) -> int:
    """The integer that a value of the field stands for."""
    return value if value <= R // 2 else value - R
