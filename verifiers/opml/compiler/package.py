# SPDX-License-Identifier: Apache-2.0
"""A compiled model as files: the same bytes from the same model, samples and options."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from offchain_workers.models import Limits, ModelCard, TensorSpec
from offchain_workers.storage import content_id
from verifiers.opml import bundle
from verifiers.opml.compiler import importer, ir, lower
from verifiers.opml.compiler.accuracy import Accuracy, measure
from verifiers.opml.compiler.compile import Compiled, Options, compile_graph
from verifiers.opml.compiler.emit import emit
from verifiers.opml.compiler.errors import CertificateError
from verifiers.opml.compiler.graph import Array
from verifiers.opml.compiler.naming import node_names
from verifiers.opml.errors import CertificateError as RefusedError
from verifiers.opml.files import PROBE_FILE, TRACE_FILE
from verifiers.opml.merkle import Tensor
from verifiers.opml.names import NAMES_FILE, format_names
from verifiers.opml.program import Code, Header, program_tree

MODEL_FILE, CARD_FILE = "model.onnx", "card.json"
ACCURACY_FILE, OPTIONS_FILE = "accuracy.json", "options.json"
SAMPLES_FILE, TESTS_FILE = "calibration.npz", "tests.npz"
_UNLISTED = {MODEL_FILE, CARD_FILE}
_NOT_ON_CARD = {"inputs", "sqnr_db", "held_out"}
LABELS = "labels"
Stages = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Package:
    """``files`` by name, the card among them."""

    files: dict[str, bytes]
    card: ModelCard
    header: Header
    accuracy: Accuracy

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in self.files.items():
            (folder / name).write_bytes(data)


def build(
    data: bytes,
    samples: Sequence[Array],
    tests: Sequence[Array] = (),
    *,
    labels: Sequence[int] | None = None,
    parent: ModelCard | None = None,
    name: str = "",
    options: Options | None = None,
    progress: Stages = lambda stage, done, total: None,
) -> Package:
    """Compile and package. Accuracy is measured on ``tests``, else on the samples themselves.

    ``parent`` is the float model's card. Raises CompileError.
    """
    chosen, truth = options or Options(), labels if tests else None
    compiled = compile_graph(
        data, samples, chosen, lambda done, total: progress("calibrating", done, total)
    )
    accuracy = measure(
        importer.load(data),
        compiled,
        tests or samples,
        truth,
        lambda done, total: progress("measuring", done, total),
    )
    progress("writing", 0, 1)
    files, header = program_files(compiled, chosen)
    files |= {
        ACCURACY_FILE: _json(accuracy.to_json() | {"held_out": bool(tests)}),
        OPTIONS_FILE: _json(asdict(chosen) | {"parent_onnx": content_id(data)}),
        SAMPLES_FILE: _npz(samples),
        **({TESTS_FILE: _npz(tests, truth)} if tests else {}),
    }
    card = child_card(compiled, files, accuracy.to_json(), parent, name)
    files[CARD_FILE] = card.canonical()
    return Package(files, card, header, accuracy)


def program_files(compiled: Compiled, options: Options) -> tuple[dict[str, bytes], Header]:
    """Descriptors, weights, header, lowerings and names; raises CertificateError."""
    program = compiled.program
    nodes, weights = emit(program)
    width = ir.DTYPE[program.input.quant.code].itemsize
    header = Header(
        program_tree(nodes).root,
        len(nodes),
        program.output,
        Tensor(weights).commitment,
        prod(program.input.shape) * width,
        nodes[program.output].byte_len,
        options.window,
        options.clock,
    )
    files = {
        bundle.HEADER_FILE: bundle.format_header(header),
        bundle.PROGRAM_FILE: b"".join(node.encode() for node in nodes),
        bundle.WEIGHTS_FILE: weights,
    }
    try:
        bundle.assemble(*files.values()).certify()
    except RefusedError as error:
        raise CertificateError(f"the program has no certificate: {error.message}") from None
    files |= {
        MODEL_FILE: lower.model(program),
        "model.u8.onnx": lower.model(program, "u8"),
        "model.cuda.onnx": lower.model(program, "cuda"),
        TRACE_FILE: lower.trace(program),
        PROBE_FILE: lower.probe(program)[0],
        NAMES_FILE: format_names(node_names(compiled)),
    }
    return files, header


def child_card(
    compiled: Compiled,
    files: dict[str, bytes],
    figures: dict[str, Any],
    parent: ModelCard | None,
    name: str,
) -> ModelCard:
    """The card of the integer model: a child of the float model's, where there is one.

    ``figures`` are what accuracy.json holds.
    """
    source, result = compiled.program.input, compiled.values[compiled.graph.output]
    manifest = {n: content_id(data) for n, data in sorted(files.items()) if n not in _UNLISTED}
    notes = {
        "manifest": manifest,
        "input": {"scale": source.quant.scale, "zero": source.quant.zero},
        "output": {"scale": result.quant.scale, "zero": result.quant.zero},
    }
    own = {
        "name": name or (f"{parent.name[:59]}-opml" if parent else "model-opml"),
        "inputs": (_spec(lower.INPUT, source),),
        "outputs": (_spec(lower.OUTPUT, result),),
        "limits": Limits(max_items=1, max_onnx_bytes=_largest(files)),
        "batch_invariant": True,
        "methods": {"opml": notes},
        "accuracy": {k: v for k, v in figures.items() if k not in _NOT_ON_CARD},
    }
    if parent is None:
        base = ModelCard(
            version="1",
            task="tensor",
            description="An integer model, compiled for method opml.",
            licence="unknown",
            source="compiled from ONNX",
            codec="tensor@1",
            **own,
        )
        return base
    return ModelCard.from_canonical(parent.model_copy(update=own).canonical())


def _spec(name: str, value: ir.Value) -> TensorSpec:
    types = {Code.U8: ("u8", "uint8"), Code.U16: ("u16", "uint16"), Code.I32: ("i32", "int32")}
    wire, engine = types.get(value.quant.code, ("i64", "int64"))
    return TensorSpec.model_validate(
        {"name": name, "wire": wire, "engine": engine, "shape": value.shape}
    )


def _largest(files: dict[str, bytes]) -> int:
    return max(len(data) for name, data in files.items() if name.endswith(".onnx"))


def _json(tree: object) -> bytes:
    return f"{json.dumps(tree, indent=1, sort_keys=True)}\n".encode()


def _npz(samples: Sequence[Array], labels: Sequence[int] | None = None) -> bytes:
    """NumPy's archives carry no times."""
    target = io.BytesIO()
    truth = {} if labels is None else {LABELS: np.asarray(labels, np.int64)}
    if len({sample.shape for sample in samples}) == 1:
        np.savez_compressed(target, samples=np.stack(samples), **truth)
    else:
        named = {f"sample{i:05}": sample for i, sample in enumerate(samples)}
        np.savez_compressed(target, **named, **truth)
    return target.getvalue()
