# SPDX-License-Identifier: Apache-2.0
"""What every use of onnxruntime needs: the module itself, its exceptions, what its sessions say."""

from __future__ import annotations

from functools import cache
from importlib.metadata import packages_distributions
from typing import Any

from offchain_workers.engines.base import Signature, TensorPort
from offchain_workers.engines.errors import (
    ModelCorruptError,
    RuntimeClashError,
    RuntimeMissingError,
)

_DTYPES = {"tensor(float)": "float32", "tensor(double)": "float64"}


@cache
def runtime() -> Any:
    """The module onnxruntime; RuntimeClashError when two packages overwrote one another's files."""
    owners = sorted(set(packages_distributions().get("onnxruntime", ())))
    if len(owners) > 1:
        raise RuntimeClashError(f"{' and '.join(owners)} are both installed: remove both, add one")
    try:
        import onnxruntime
    except ImportError as error:
        raise RuntimeMissingError(
            f"onnxruntime does not load ({error}); install the extra cpu or gpu"
        ) from error
    return onnxruntime


def failures(ort: Any) -> tuple[type[Exception], ...]:
    """onnxruntime's own exceptions, which share no base class, and those of its bindings."""
    state = ort.capi.onnxruntime_pybind11_state
    names = (
        "EPFail",
        "EngineError",
        "Fail",
        "InvalidArgument",
        "InvalidGraph",
        "InvalidProtobuf",
        "NoModel",
        "NoSuchFile",
        "NotImplemented",
        "RuntimeException",
    )
    own = [getattr(state, name) for name in names]
    return (*own, RuntimeError, ValueError, MemoryError)


def signature_of(session: Any) -> Signature:
    """What a session declares. Raises ModelCorruptError."""
    try:
        return Signature(_ports(session.get_inputs()), _ports(session.get_outputs()))
    except UnicodeDecodeError as error:  # onnxruntime does not check names before it hands them out
        raise ModelCorruptError(f"the ONNX file has a name that is not UTF-8: {error}") from None


def _ports(args: Any) -> tuple[TensorPort, ...]:
    return tuple(
        TensorPort(
            arg.name,
            _DTYPES.get(arg.type, arg.type.removeprefix("tensor(").removesuffix(")")),
            tuple(size if isinstance(size, int) else None for size in arg.shape),
        )
        for arg in args
    )


def line(error: Exception) -> str:
    """One line of a message that may have many."""
    return " ".join(str(error).split())[:300]
