# SPDX-License-Identifier: Apache-2.0
"""The artifact of method zkml: what decides about a model's answers, as IZkmlVerifier has it."""

from __future__ import annotations

import json
from dataclasses import asdict, astuple, dataclass
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak
from pydantic import TypeAdapter, ValidationError

from offchain_workers.models import ModelCard
from verifiers.zkml.faults import ArtifactError
from verifiers.zkml.field import R
from verifiers.zkml.settings import Binding
from verifiers.zkml.srs import CEREMONY_NEG_TAU_G2, Kind

VERSION = 1
NO_WEIGHTS = bytes(32)
_TYPES = ["uint256", "bytes32", "bytes32", "bytes32", *["uint256"] * 6]
_SCHEMA = "zkml@1"
METHOD = "zkml"

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

    def check_notes(self, card: ModelCard) -> None:
        """Raises ArtifactError when the card says something else, or nothing."""
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
            tree = json.loads(data)
            fields = {
                name: bytes.fromhex(value[2:]) if isinstance(value, str) else value
                for name, value in tree["circuit"].items()
            }
            circuit = TypeAdapter(Circuit).validate_python(fields)
            a, b, c, d = (int(part, 16) for part in tree["neg_tau_g2"])
            srs = str(tree["srs"]["sha256"])
            found = cls(circuit, (a, b, c, d), str(tree["ezkl"]), int(tree["k"]), srs)
        except (ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
            raise ArtifactError(f"circuit.json is not readable: {error}") from None
        if found.to_json() != data or setup_hash(found.neg_tau_g2) != circuit.setup:
            raise ArtifactError("circuit.json is not as it is written, or of another setup")
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
