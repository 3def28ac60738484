# SPDX-License-Identifier: Apache-2.0
"""Programs as files: descriptors, weights and the header that both have to fit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from offchain_workers.problems import first_problem
from verifiers.opml.certificate import Certificate, certify
from verifiers.opml.errors import (
    BundleFileError,
    HeaderError,
    ProgramMismatchError,
    SizeMismatchError,
    WeightsMismatchError,
)
from verifiers.opml.merkle import Tensor
from verifiers.opml.openings import Execution
from verifiers.opml.program import (
    DESCRIPTOR_BYTES,
    HEADER_VERSION,
    MAX_NODES,
    MAX_TENSOR_BYTES,
    Header,
    Node,
    program_tree,
)
from verifiers.opml.reference import execute

HEADER_FILE = "header.json"
PROGRAM_FILE = "program.bin"
WEIGHTS_FILE = "weights.bin"

Hash = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]
Size = Annotated[int, Field(ge=0, le=MAX_TENSOR_BYTES)]
Seconds = Annotated[int, Field(ge=0, lt=1 << 64)]


class _HeaderFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    version: Literal[1]
    program_root: Hash
    node_count: Annotated[int, Field(ge=1, le=MAX_NODES)]
    output_node: Annotated[int, Field(ge=0, lt=MAX_NODES)]
    weights: Hash
    input_bytes: Size
    output_bytes: Size
    window: Seconds
    clock: Seconds


@dataclass(frozen=True)
class Program:
    """A program whose parts fit its header; nothing says yet that its numbers stay small."""

    header: Header
    nodes: Sequence[Node]
    weights: Tensor

    def certify(self) -> Certificate:
        """Raises a CertificateError when nobody should run the program."""
        return certify(self.nodes, self.weights.data, self.header.input_bytes)

    def execution(self, given: bytes) -> Execution:
        """Run the reference on an input."""
        outputs = execute(self.nodes, self.weights.data, given)
        return Execution(self.nodes, Tensor(given), self.weights, [Tensor(o) for o in outputs])


def load(folder: Path) -> Program:
    """The program of a bundle's folder. Raises a BundleError."""
    return assemble(*(_read(folder / name) for name in (HEADER_FILE, PROGRAM_FILE, WEIGHTS_FILE)))


def assemble(header: bytes, program: bytes, weights: bytes) -> Program:
    """The program of three files' bytes. Raises a BundleError."""
    named, tensor = parse_header(header), Tensor(weights)
    nodes = _nodes(named, program)
    if tensor.commitment != named.weights:
        raise WeightsMismatchError(f"{len(weights)} bytes of other weights than the header's")
    if named.output_node >= len(nodes):
        raise SizeMismatchError(f"no node {named.output_node} among {len(nodes)}")
    made = nodes[named.output_node].byte_len
    if made != named.output_bytes:
        raise SizeMismatchError(
            f"an output of {made} bytes, where the header says {named.output_bytes}"
        )
    return Program(named, nodes, tensor)


def format_header(header: Header) -> bytes:
    """header.json: hashes in hex, keys in order."""
    fields = {
        name: "0x" + value.hex() if isinstance(value, bytes) else value
        for name, value in asdict(header).items()
    }
    text = json.dumps({"version": HEADER_VERSION, **fields}, indent=2, sort_keys=True)
    return f"{text}\n".encode()


def parse_header(data: bytes) -> Header:
    """Raises HeaderError, with the field."""
    try:
        fields = _HeaderFile.model_validate_json(data).model_dump(exclude={"version"})
    except ValidationError as error:
        raise HeaderError(first_problem(error, HEADER_FILE)) from error
    for name in ("program_root", "weights"):
        fields[name] = bytes.fromhex(fields[name].removeprefix("0x"))
    return Header(**fields)


def _nodes(header: Header, program: bytes) -> list[Node]:
    if len(program) != header.node_count * DESCRIPTOR_BYTES:
        raise ProgramMismatchError(f"{len(program)} bytes for {header.node_count} nodes")
    starts = range(0, len(program), DESCRIPTOR_BYTES)
    nodes = [Node.decode(program[start : start + DESCRIPTOR_BYTES]) for start in starts]
    if b"".join(node.encode() for node in nodes) != program:
        raise ProgramMismatchError("a descriptor has bits that belong to no field")
    if program_tree(nodes).root != header.program_root:
        raise ProgramMismatchError("other nodes than the header's")
    return nodes


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleFileError(f"{path}: {error.strerror or error}") from error
