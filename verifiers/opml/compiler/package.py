# SPDX-License-Identifier: Apache-2.0
"""A compiled model as files: the same bytes from the same model, samples and options."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from offchain_workers.models import Limits, ModelCard, TensorSpec
from offchain_workers.storage import content_id
from verifiers.opml import bundle
from verifiers.opml.compiler import importer, ir, lower
from verifiers.opml.compiler.accuracy import Accuracy, measure
from verifiers.opml.compiler.compile import Compiled, Options, compile_graph
from verifiers.opml.compiler.emit import emit
from verifiers.opml.compiler.errors import BundleError, CertificateError
from verifiers.opml.compiler.graph import Array
from verifiers.opml.errors import CertificateError as RefusedError
from verifiers.opml.files import PROBE_FILE, TRACE_FILE
from verifiers.opml.merkle import Tensor
from verifiers.opml.program import Code, Header, program_tree

MODEL_FILE, CARD_FILE = "model.onnx", "card.json"
ACCURACY_FILE, OPTIONS_FILE, SAMPLES_FILE = "accuracy.json", "options.json", "calibration.npz"
_UNLISTED = {MODEL_FILE, CARD_FILE}
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
    chosen = options or Options()
    compiled = compile_graph(
        data, samples, chosen, lambda done, total: progress("calibrating", done, total)
    )
    accuracy = measure(
        importer.load(data),
        compiled,
        tests or samples,
        labels if tests else None,
        lambda done, total: progress("measuring", done, total),
    )
    progress("writing", 0, 1)
    files, header = program_files(compiled, chosen)
    files |= {
        ACCURACY_FILE: _json(accuracy.to_json() | {"held_out": bool(tests)}),
        OPTIONS_FILE: _json(asdict(chosen) | {"parent_onnx": content_id(data)}),
        SAMPLES_FILE: _npz(samples),
    }
    card = child_card(compiled, files, accuracy, parent, name)
    files[CARD_FILE] = card.canonical()
    return Package(files, card, header, accuracy)


def program_files(compiled: Compiled, options: Options) -> tuple[dict[str, bytes], Header]:
    """Descriptors, weights, header and lowerings; raises CertificateError."""
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
    }
    return files, header


def child_card(
    compiled: Compiled,
    files: dict[str, bytes],
    accuracy: Accuracy,
    parent: ModelCard | None,
    name: str,
) -> ModelCard:
    """The card of the integer model: a child of the float model's, where there is one."""
    source, result = compiled.program.input, compiled.values[compiled.graph.output]
    manifest = {n: content_id(data) for n, data in sorted(files.items()) if n not in _UNLISTED}
    figures = accuracy.to_json()
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
        "accuracy": {k: v for k, v in figures.items() if k not in ("inputs", "sqnr_db")},
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


def _npz(samples: Sequence[Array]) -> bytes:
    """NumPy's archives carry no times."""
    target = io.BytesIO()
    if len({sample.shape for sample in samples}) == 1:
        np.savez_compressed(target, samples=np.stack(samples))
    else:
        named = {f"sample{i:05}": sample for i, sample in enumerate(samples)}
        np.savez_compressed(target, **named)
    return target.getvalue()


def check(folder: Path, data: bytes | None = None) -> Header:
    """A bundle's header, when its files belong together and have a certificate.

    With ``data``, the float model, the program is compiled again and must have the same bytes.
    Raises BundleError and the errors of ``verifiers.opml.bundle``.
    """
    program = bundle.load(folder)
    program.certify()
    card = ModelCard.from_canonical(_read(folder, CARD_FILE))
    notes = card.methods.get("opml")
    listed = notes.get("manifest") if isinstance(notes, dict) else None
    if not isinstance(listed, dict):
        raise BundleError(f"{CARD_FILE} lists no files under opml")
    for name, cid in listed.items():
        if content_id(_read(folder, name)) != cid:
            raise BundleError(f"{name} is not the file that the card lists")
    if data is not None:
        _recompile(folder, data)
    return program.header


def _recompile(folder: Path, data: bytes) -> None:
    with np.load(io.BytesIO(_read(folder, SAMPLES_FILE)), allow_pickle=False) as arrays:
        names = sorted(arrays.files)
        samples = list(arrays["samples"]) if names == ["samples"] else [arrays[n] for n in names]
    try:
        options = json.loads(_read(folder, OPTIONS_FILE))
        parent = options.pop("parent_onnx")
        chosen = TypeAdapter(Options).validate_python(options)
    except (ValueError, KeyError, AttributeError, ValidationError) as error:
        raise BundleError(f"{OPTIONS_FILE} is not readable: {error}") from None
    if parent != content_id(data):
        raise BundleError(f"the bundle was compiled from another ONNX file, {parent}")
    files, _ = program_files(compile_graph(data, samples, chosen), chosen)
    for name in sorted(files):
        if _read(folder, name) != files[name]:
            raise BundleError(f"{name} is not what this machine compiles")


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise BundleError(f"{name}: {error.strerror or error}") from None
