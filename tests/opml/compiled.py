# SPDX-License-Identifier: Apache-2.0
"""The digits model as a compiled bundle in memory: files by content id, and its card."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from offchain_workers.codecs import get_codec
from offchain_workers.models import ModelCard, TensorSpec
from offchain_workers.models.card import EngineType, WireType
from offchain_workers.models.demo import digits
from offchain_workers.storage import content_id
from verifiers.opml.bundle import Program, assemble, format_header
from verifiers.opml.compiler.compile import compile_graph
from verifiers.opml.compiler.emit import emit
from verifiers.opml.compiler.lower import graphs
from verifiers.opml.merkle import Tensor
from verifiers.opml.program import DESCRIPTOR_BYTES, Header, Node, program_tree

WINDOW, CLOCK = 60, 60
_TYPES: tuple[tuple[WireType, EngineType], ...] = (
    ("u8", "uint8"),
    ("u16", "uint16"),
    ("i32", "int32"),
)


@dataclass(frozen=True)
class Bundle:
    """``files`` by name, ``blobs`` by content id."""

    card: ModelCard
    files: dict[str, bytes]
    header: Header

    @property
    def blobs(self) -> dict[str, bytes]:
        return {content_id(data): data for data in (*self.files.values(), self.card.canonical())}

    def blob(self, cid: str, max_bytes: int) -> bytes:
        """A ``ReadBlob``."""
        found = self.blobs[cid]
        assert len(found) <= max_bytes
        return found

    @property
    def program(self) -> Program:
        return assemble(*(self.files[f] for f in ("header.json", "program.bin", "weights.bin")))

    def changed(self, name: str, data: bytes) -> Bundle:
        """With other bytes in one file, and a card that lists them."""
        return bundle_of(self.files | {name: data}, self.header, self.output)

    @property
    def output(self) -> dict[str, Any]:
        """Scale and zero of the output, as the card has them."""
        notes: Any = self.card.methods["opml"]
        return dict(notes["output"])


def samples() -> list[Any]:
    """Digits as the float model takes them."""
    model = digits()
    codec = get_codec(model.card.codec)
    wires = [codec.encode(model.card, raw) for _, raw, _ in model.samples]
    return [np.frombuffer(wire, np.uint8).astype(np.float32) for wire in wires]


@cache
def digits_bundle() -> Bundle:
    """Compiled afresh: the same bytes each time."""
    compiled = compile_graph(digits().onnx_bytes, samples())
    program = compiled.program
    nodes, weights = emit(program)
    header = Header(
        program_tree(nodes).root,
        len(nodes),
        program.output,
        Tensor(weights).commitment,
        int(np.prod(program.input.shape)),
        nodes[program.output].byte_len,
        WINDOW,
        CLOCK,
    )
    quant = program.ops[program.output].quant
    return bundle_of(
        {
            "header.json": format_header(header),
            "program.bin": b"".join(node.encode() for node in nodes),
            "weights.bin": weights,
            "model.onnx": graphs.model(program),
            "trace.onnx": graphs.trace(program),
            "probe.onnx": graphs.probe(program)[0],
        },
        header,
        {"scale": float(quant.scale), "zero": int(quant.zero)},
    )


def bundle_of(
    files: dict[str, bytes], header: Header, output: dict[str, Any] | None = None
) -> Bundle:
    base = digits().card
    at = header.output_node * DESCRIPTOR_BYTES
    code = Node.decode(files["program.bin"][at : at + DESCRIPTOR_BYTES]).out_code
    manifest = {name: content_id(data) for name, data in files.items()}
    card = base.model_copy(
        update={
            "name": "digits-opml",
            "inputs": (_spec("input", header.input_bytes, 0),),
            "outputs": (_spec("output", header.output_bytes, code),),
            "limits": base.limits.model_copy(update={"max_onnx_bytes": 1 << 24, "max_items": 1}),
            "methods": {"opml": {"manifest": manifest, "output": output or {}}},
        }
    )
    return Bundle(ModelCard.from_canonical(card.canonical()), files, header)


def _spec(name: str, size: int, code: int) -> TensorSpec:
    wire, engine = _TYPES[code]
    return TensorSpec(name=name, wire=wire, engine=engine, shape=(size >> code,))
