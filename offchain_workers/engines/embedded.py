# SPDX-License-Identifier: Apache-2.0
"""onnxruntime in this process, on the CPU, CUDA or TensorRT, whichever really works."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from offchain_workers.engines.base import Signature, check_arrays, check_signature
from offchain_workers.engines.bound import BoundRuns
from offchain_workers.engines.errors import (
    EngineClosedError,
    ModelCorruptError,
    ModelTooLargeError,
    ProviderUnavailableError,
    RunFailedError,
    SignatureError,
    WrongModelError,
)
from offchain_workers.engines.onnx_scan import refuse_external_data
from offchain_workers.engines.ort import failures, line, runtime, signature_of
from offchain_workers.models import ModelSpec
from offchain_workers.models.wire import Array
from offchain_workers.storage import content_id

Provider = Literal["cpu", "cuda", "tensorrt"]
Choice = Literal["cpu", "cuda", "tensorrt", "auto"]

_NAMES: dict[Provider, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
# Settings that would let two runs of one machine differ are pinned.
_CUDA = ("CUDAExecutionProvider", {"use_tf32": "0", "cudnn_conv_algo_search": "DEFAULT"})
_LISTS: dict[Provider, list[Any]] = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": [_CUDA],
    "tensorrt": ["TensorrtExecutionProvider", _CUDA],
}
_GRAPHS: dict[Provider, str] = {"cuda": "enable_cuda_graph", "tensorrt": "trt_cuda_graph_enable"}
DEFAULT_MAX_ONNX_BYTES = 1 << 29
# A 1x1 MatMul with a free batch (tests/engines builds it again): every provider runs all of it.
CANARY = bytes.fromhex(
    "08083a580a110a01780a017712017922064d61744d756c120663616e6172792a0f0801080110014201774a04"
    "0000803f5a140a0178120f0a0d080112090a0312016e0a02080162140a0179120f0a0d080112090a0312016e"
    "0a02080142040a00100d"
)


class EmbeddedEngine:
    """See the module; ``provider`` is what was found to work.

    ``auto`` takes CUDA when it works, else the CPU. It never takes TensorRT, which compiles each
    model for minutes and changes its bits: that has to be asked for. A choice that does not work
    here raises ProviderUnavailableError; it never falls back. With ``strict`` a model of which a
    single node would run on the CPU is refused on a GPU. On a GPU tensors are bound to device
    memory; with ``cuda_graphs``, which needs models that run there whole, launches are recorded
    once for each number of items.
    """

    def __init__(
        self,
        provider: Choice = "cpu",
        intra_op_threads: int = 1,
        max_onnx_bytes: int = DEFAULT_MAX_ONNX_BYTES,
        strict: bool = False,
        cuda_graphs: bool = False,
    ) -> None:
        self._ort = runtime()
        self._threads = intra_op_threads
        self._max_onnx_bytes = max_onnx_bytes
        self._strict = strict or cuda_graphs
        self._graphs = cuda_graphs
        self.provider: Provider = self._choose(provider)

    @property
    def runtime_version(self) -> str:
        """onnxruntime's version: answers in floats may differ between two of them."""
        return str(self._ort.__version__)

    @property
    def runtime(self) -> str:
        """onnxruntime and its version."""
        return f"onnxruntime {self.runtime_version}"

    def load(self, model: ModelSpec, onnx_bytes: bytes) -> EmbeddedSession:
        """A session for ``model``; checks size, content id and self-containment before parsing."""
        self._check_file(model, onnx_bytes)
        session = self._open(onnx_bytes, self.provider, self._strict, self._graphs)
        wanted = _NAMES[self.provider]
        if wanted not in session.get_providers():
            raise ProviderUnavailableError(f"{model.card.name} does not load on {wanted}")
        loaded = EmbeddedSession(self._ort, session, model)
        check_signature(model.card, loaded.signature)
        if self.provider != "cpu":
            loaded.bind("cuda", self._graphs)
        return loaded

    def bare(self, onnx_bytes: bytes) -> BareSession:
        """A session of a file that has no card, such as those beside a compiled model.

        Raises ModelTooLargeError, ModelCorruptError.
        """
        if len(onnx_bytes) > self._max_onnx_bytes:
            raise ModelTooLargeError(
                f"the ONNX file has {len(onnx_bytes)} bytes, limit {self._max_onnx_bytes}"
            )
        refuse_external_data(onnx_bytes)
        return BareSession(self._open(onnx_bytes, self.provider, self._strict), failures(self._ort))

    def canary_providers(self) -> tuple[str, ...]:
        """What a real session of a tiny model reports, with no fallback to the CPU allowed."""
        return tuple(self._open(CANARY, self.provider, strict=True).get_providers())

    def _choose(self, choice: Choice) -> Provider:
        if choice != "auto":
            self._try(choice)
            return choice
        try:
            self._try("cuda")
        except ProviderUnavailableError:
            return "cpu"
        return "cuda"

    def _try(self, provider: Provider) -> None:
        """get_available_providers() names all that was compiled in; only a session tells."""
        name = _NAMES[provider]
        if name not in self._ort.get_available_providers():
            raise ProviderUnavailableError(f"this onnxruntime is built without {name}")
        try:
            found = self._open(CANARY, provider, strict=True).get_providers()
        except ModelCorruptError as error:
            raise ProviderUnavailableError(f"{name} does not work here: {error.message}") from error
        if name not in found:
            raise ProviderUnavailableError(f"{name} does not work here; onnxruntime uses {found}")

    def _check_file(self, model: ModelSpec, onnx_bytes: bytes) -> None:
        limit = min(self._max_onnx_bytes, model.card.limits.max_onnx_bytes)
        if len(onnx_bytes) > limit:
            raise ModelTooLargeError(f"the ONNX file has {len(onnx_bytes)} bytes, limit {limit}")
        actual = content_id(onnx_bytes)
        if actual != model.onnx_cid:
            raise WrongModelError(f"the ONNX file has id {actual}, expected {model.onnx_cid}")
        refuse_external_data(onnx_bytes)

    def _open(
        self, onnx_bytes: bytes, provider: Provider, strict: bool, graphs: bool = False
    ) -> Any:
        options = self._ort.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        options.log_severity_level = 4  # its errors come as exceptions; more on stderr is noise
        options.add_session_config_entry("session.load_model_format", "ONNX")
        if strict and provider != "cpu":
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                return self._ort.InferenceSession(
                    onnx_bytes, options, providers=_providers(provider, graphs), enable_fallback=0
                )
        except failures(self._ort) as error:
            raise ModelCorruptError(f"onnxruntime does not load the model: {line(error)}") from None


class EmbeddedSession:
    """A loaded model; see engines.base.Session."""

    def __init__(self, ort: Any, session: Any, model: ModelSpec) -> None:
        self._ort = ort
        self._session: Any | None = session
        self._bound: BoundRuns | None = None
        self._failures = failures(ort)
        self._inputs = model.card.inputs
        self._outputs = model.card.outputs
        self._names = [spec.name for spec in model.card.outputs]
        self._signature = signature_of(session)
        self._providers = tuple(session.get_providers())

    @property
    def signature(self) -> Signature:
        """What the model itself declares."""
        return self._signature

    @property
    def providers(self) -> tuple[str, ...]:
        """What onnxruntime reports for this session."""
        return self._providers

    def bind(self, device: str, graphs: bool = False) -> None:
        """Keep tensors in the memory of ``device`` from now on; see BoundRuns."""
        self._bound = BoundRuns(
            self._ort, self._session, self._inputs, self._outputs, device, graphs
        )

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Arrays (n, *shape) in and out, checked against the card on both sides."""
        session = self._session
        if session is None:
            raise EngineClosedError("the session is closed")
        n = check_arrays(self._inputs, inputs)
        try:
            if self._bound is not None:
                return self._bound.run(inputs, n)
            found = session.run(self._names, dict(inputs))
        except self._failures as error:
            raise RunFailedError(f"onnxruntime refuses the input: {line(error)}") from None
        outputs = dict(zip(self._names, found, strict=True))
        if check_arrays(self._outputs, outputs) != n:
            raise SignatureError(f"the model gave another number of answers than {n}")
        return outputs

    def close(self) -> None:
        """Free the model."""
        self._session = self._bound = None


class BareSession:
    """A loaded file without a card: whatever tensors it declares."""

    def __init__(self, session: Any, failures: tuple[type[Exception], ...]) -> None:
        self._session = session
        self._failures = failures
        self.signature = signature_of(session)

    def run(self, feeds: Mapping[str, Array], names: Sequence[str] | None = None) -> list[Array]:
        """The outputs of these names, or all in the file's order. Raises RunFailedError."""
        try:
            found: list[Array] = self._session.run(names, dict(feeds))
        except self._failures as error:
            raise RunFailedError(f"onnxruntime refuses the input: {line(error)}") from None
        return found


def _providers(provider: Provider, graphs: bool) -> list[Any]:
    """With options, as InferenceSession takes them."""
    if not graphs or provider == "cpu":
        return _LISTS[provider]
    first, *rest = _LISTS[provider]
    name, options = first if isinstance(first, tuple) else (first, {})
    return [(name, options | {_GRAPHS[provider]: "1"}), *rest]
