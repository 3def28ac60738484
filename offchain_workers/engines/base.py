# SPDX-License-Identifier: Apache-2.0
"""The port every engine implements, and the check of a model against its card."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from offchain_workers.engines.errors import SignatureError
from offchain_workers.models import ModelCard, ModelSpec, TensorSpec
from offchain_workers.models.wire import Array


@dataclass(frozen=True)
class TensorPort:
    """A tensor as the model declares it; ``None`` is a free dimension, the first is the batch."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs of a loaded model."""

    inputs: tuple[TensorPort, ...]
    outputs: tuple[TensorPort, ...]

    @property
    def any_batch(self) -> bool:
        """Whether every input and output takes any number of items at once."""
        return all(port.shape[0] is None for port in (*self.inputs, *self.outputs))


class Session(Protocol):
    """A loaded model; ``run`` may be called from several threads."""

    @property
    def signature(self) -> Signature:
        """What the model itself declares."""
        ...

    @property
    def providers(self) -> tuple[str, ...]:
        """What really runs it, as the runtime reports after loading."""
        ...

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Arrays (n, *shape) in the engine types of the card, in and out; EngineError otherwise."""
        ...

    def close(self) -> None:
        """Free the model; later runs raise EngineClosedError."""
        ...


class Engine(Protocol):
    """Loads models."""

    @property
    def provider(self) -> str:
        """What runs them: ``cpu``, ``cuda`` or ``tensorrt`` here, ``oip`` on other servers."""
        ...

    @property
    def runtime(self) -> str:
        """The software that runs them, and its version."""
        ...

    def canary_providers(self) -> tuple[str, ...]:
        """What really runs a tiny model, or what servers say they are (nothing while away)."""
        ...

    def load(self, model: ModelSpec, onnx_bytes: bytes) -> Session:
        """A session for ``model``; EngineError unless the file is whole and fits its card."""
        ...


def check_signature(card: ModelCard, signature: Signature) -> None:
    """Raise SignatureError unless the card's tensors are the model's.

    The model may have more outputs than the card names, but no other inputs.
    """
    unknown = {port.name for port in signature.inputs} - {spec.name for spec in card.inputs}
    if unknown:
        raise SignatureError(f"model {card.name} has inputs that its card lacks: {sorted(unknown)}")
    _check_ports("input", card.inputs, signature.inputs)
    _check_ports("output", card.outputs, signature.outputs)


def check_arrays(specs: Sequence[TensorSpec], arrays: Mapping[str, Array]) -> int:
    """The number of items in ``arrays``; SignatureError unless each is (n, *shape) of its type."""
    if arrays.keys() != {spec.name for spec in specs}:
        raise SignatureError(f"expected the tensors {[s.name for s in specs]}, got {list(arrays)}")
    n = next(iter(arrays[specs[0].name].shape), 0)
    for spec in specs:
        array = arrays[spec.name]
        if array.dtype != spec.engine or array.shape != (n, *spec.shape):
            raise SignatureError(
                f"tensor {spec.name}: expected {spec.engine} {_batched(spec.shape, n, array)}, "
                f"got {array.dtype} {list(array.shape)}"
            )
    return n


def _batched(shape: tuple[int, ...], n: int, array: Array) -> list[int | str]:
    """What was expected: "n" where the array's first dimension may be none that counts items."""
    return [n if array.ndim == len(shape) + 1 else "n", *shape]


def _check_ports(kind: str, specs: Iterable[TensorSpec], ports: Iterable[TensorPort]) -> None:
    by_name = {port.name: port for port in ports}
    for spec in specs:
        port = by_name.get(spec.name)
        if port is None:
            raise SignatureError(f"the model has no {kind} {spec.name}, only {sorted(by_name)}")
        if port.dtype != spec.engine or not _fits(spec.shape, port.shape):
            raise SignatureError(
                f"{kind} {spec.name}: the card says {spec.engine} {['n', *spec.shape]}, "
                f"the model {port.dtype} {list(port.shape)}"
            )


def _fits(item: tuple[int, ...], declared: tuple[int | None, ...]) -> bool:
    if len(declared) != len(item) + 1 or declared[0] not in (None, 1):
        return False
    return all(want is None or want == have for have, want in zip(item, declared[1:], strict=True))
