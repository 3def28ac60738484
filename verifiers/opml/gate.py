# SPDX-License-Identifier: Apache-2.0
"""The self-test: before bonds are at stake, this machine must compute what the program says.

The certificate is derived from descriptors and weights; then the lowered nodes, the whole trace and
the session that will answer jobs run on random and extreme inputs beside the reference. Inputs are
new each time, so that no file can be made to fit them. A verdict is kept for the same files,
machine and runtime.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from offchain_workers.chain.hashing import keccak
from offchain_workers.engines.base import Session, TensorPort
from offchain_workers.engines.embedded import BareSession, EmbeddedEngine
from offchain_workers.engines.hardware import machine
from offchain_workers.errors import FusionError
from offchain_workers.models import ModelCard
from offchain_workers.models.wire import Array, pack_items, unpack_items
from verifiers.base import Candidate
from verifiers.opml.bundle import Program
from verifiers.opml.certificate import Certificate
from verifiers.opml.errors import BundleError, CertificateError
from verifiers.opml.files import PROBE_FILE, TRACE_FILE, Files
from verifiers.opml.gather import DTYPES
from verifiers.opml.openings import Execution
from verifiers.opml.play_errors import BarredError, PlayError, SelfTestError
from verifiers.opml.program import Kind
from verifiers.opml.reference import compute
from verifiers.opml.runs import Side
from verifiers.opml.trace import Tracer, stored

GATE_VERSION = 1
# Whole inputs that are tried: at least, at most, and until so many seconds have gone.
_LEAST, _MOST, _SECONDS = 4, 12, 60.0

Fill = Callable[[int, int, int], Array]


def admit(candidate: Candidate) -> None:
    """Raise a FusionError unless the candidate may answer jobs; quick where a verdict is kept.

    CertificateError and SelfTestError name the node, ArtifactMismatchError and BundleError the
    file; BarredError repeats an earlier verdict.
    """
    files = Files(candidate.card, candidate.artifact_id, candidate.blob)
    verdict = Verdict.of(candidate, files)
    if verdict.known():
        return
    try:
        SelfTest(files.program(), files, candidate.card).run(candidate.session)
    except (BundleError, CertificateError, PlayError) as error:
        verdict.keep(error)
        raise
    verdict.keep(None)


@dataclass(frozen=True)
class Verdict:
    """What was found before about the same files on the same machine; delete the file to forget."""

    path: Path

    @classmethod
    def of(cls, candidate: Candidate, files: Files) -> Verdict:
        about = {
            "gate": GATE_VERSION,
            "artifact": candidate.artifact_id.hex(),
            "files": files.cids,
            "machine": machine(candidate.provider),
            "provider": candidate.provider,
            "runtime": candidate.runtime,
        }
        name = keccak(json.dumps(about, sort_keys=True).encode()).hex()
        return cls(candidate.folder / f"opml-{name}.json")

    def known(self) -> bool:
        """True for a good verdict, False for none. Raises BarredError for a bad one."""
        try:
            found = json.loads(self.path.read_text())
            code, message = found["code"], found["message"]
        except (OSError, ValueError, KeyError, TypeError):
            return False
        if code is not None:
            raise BarredError(str(code), str(message))
        return True

    def keep(self, error: FusionError | None) -> None:
        found = {"code": error and error.code, "message": error and error.message}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".new")
        draft.write_text(json.dumps(found))
        draft.replace(self.path)


class SelfTest:
    """One bundle on this machine."""

    def __init__(self, program: Program, files: Files, card: ModelCard) -> None:
        self._program = program
        self._files = files
        self._card = card
        self._certificate: Certificate = program.certify()
        # From the system: a publisher must not know what is tried.
        self._random = np.random.default_rng()

    def run(self, session: Session) -> None:
        """Raises SelfTestError, TraceMisfitError, EngineError, StoreError."""
        if (probe := self._files.onnx(PROBE_FILE)) is not None:
            bare = EmbeddedEngine("cpu").bare(probe)
            for fill in (*self._extremes(), self._uniform, self._uniform):
                self._probe(bare, fill)
        tracer = Tracer(self._program, self._files.onnx(TRACE_FILE))
        began = time.monotonic()
        for number, given in enumerate(self._inputs()):
            if number >= _LEAST and time.monotonic() - began > _SECONDS:
                break
            expected = self._program.execution(given)
            self._compare_trace(expected, tracer.execution(given))
            self._compare_answer(expected, session)

    # --- node by node -------------------------------------------------------------------------

    def _probe(self, session: BareSession, fill: Fill) -> None:
        """Each piece of probe.onnx: ``node{j}`` of ``node{j}.input`` and ``node{j}.node{i}``."""
        feeds = {port.name: self._operand(port, fill) for port in session.signature.inputs}
        found = session.run(feeds)
        for port, array in zip(session.signature.outputs, found, strict=True):
            j = _number(port.name)
            reader = partial(self._read, feeds, j)
            _compare(j, compute(self._program.nodes[j], j, reader), stored(array), self._dtype(j))

    def _operand(self, port: TensorPort, fill: Fill) -> Array:
        source = port.name.partition(".")[2]
        shape = [1, *(size or 1 for size in port.shape[1:])]
        if source == "input":
            bounds = np.iinfo(port.dtype)
            least, greatest = int(bounds.min), int(bounds.max)
        else:
            output = self._certificate.nodes[_number(source)].output
            least, greatest = output.least, output.greatest
        count = int(np.prod(shape))
        return fill(count, least, greatest).astype(port.dtype).reshape(shape)

    def _read(self, feeds: dict[str, Array], j: int, kind: int, index: int) -> bytes:
        """A ``total.Reader`` of what a piece was fed."""
        if kind == Kind.WEIGHTS:
            return self._program.weights.data
        name = f"node{j}.input" if kind == Kind.INPUT else f"node{j}.node{index}"
        if name not in feeds:
            raise SelfTestError(j, f"{PROBE_FILE} lacks its operand {name}")
        return stored(feeds[name])

    # --- whole inputs -------------------------------------------------------------------------

    def _inputs(self) -> Iterator[bytes]:
        """Extreme ones, then numbers of every magnitude: a vocabulary has few of 65,536 tokens."""
        dtype = DTYPES[self._input_code()]
        width = np.dtype(dtype).itemsize
        count, most = self._program.header.input_bytes // width, (1 << 8 * width) - 1
        for fill in self._extremes():
            yield fill(count, 0, most).astype(dtype).tobytes()
        for trial in range(_MOST - 3):
            top = most >> (trial * 2 % (8 * width))
            yield self._uniform(count, 0, top).astype(dtype).tobytes()

    def _input_code(self) -> int:
        """As the program first reads it."""
        for node in self._program.nodes:
            for side in Side:
                operand = side.of(node)
                if operand.kind == Kind.INPUT:
                    return operand.code & 1
        return 0

    def _compare_trace(self, expected: Execution, found: Execution) -> None:
        pairs = zip(expected.outputs, found.outputs, strict=True)
        for j, (want, have) in enumerate(pairs):
            _compare(j, want.data, have.data, self._dtype(j))

    def _compare_answer(self, expected: Execution, session: Session) -> None:
        arrays = session.run(unpack_items(self._card.inputs, expected.given.data, 1))
        output = self._program.header.output_node
        _compare(
            None,
            expected.outputs[output].data,
            pack_items(self._card.outputs, arrays),
            self._dtype(output),
        )

    # --- numbers ------------------------------------------------------------------------------

    def _extremes(self) -> Sequence[Fill]:
        return (
            lambda count, least, greatest: np.full(count, least),
            lambda count, least, greatest: np.full(count, greatest),
            lambda count, least, greatest: np.where(
                self._random.integers(0, 2, count) == 1, greatest, least
            ),
        )

    def _uniform(self, count: int, least: int, greatest: int) -> Array:
        return self._random.integers(least, greatest, count, endpoint=True)

    def _dtype(self, j: int) -> str:
        return DTYPES[self._program.nodes[j].out_code & 3]


def _number(name: str) -> int:
    """Of ``node7``. Raises SelfTestError."""
    digits = name.removeprefix("node")
    if not digits.isdecimal():
        raise SelfTestError(None, f"{PROBE_FILE} has a tensor {name[:40]!r}")
    return int(digits)


def _compare(j: int | None, want: bytes, have: bytes, dtype: str) -> None:
    if want == have:
        return
    if len(want) != len(have):
        raise SelfTestError(j, f"{len(have)} bytes, not {len(want)}")
    wanted, found = np.frombuffer(want, dtype), np.frombuffer(have, dtype)
    e = int(np.flatnonzero(wanted != found)[0])
    count = int(np.count_nonzero(wanted != found))
    raise SelfTestError(
        j, f"element {e} is {wanted[e]}, here {found[e]} ({count} of {len(wanted)} differ)"
    )
