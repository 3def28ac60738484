# SPDX-License-Identifier: Apache-2.0
"""Where evidence of GPUs comes from.

`Nvml` speaks NVIDIA's published management interface through its own Python package, nvidia-ml-py.
It has never run on a GPU in confidential mode.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from verifiers.teeml.errors import GpuSourceError


class GpuEvidence(NamedTuple):
    """One device's: request and response, SPDM; its certificates, PEM."""

    evidence: bytes
    chain: bytes


class GpuSource(Protocol):
    """All GPUs of this machine."""

    name: str

    def collect(self, nonce: bytes) -> Sequence[GpuEvidence]:
        """Of 32 bytes. Raises GpuSourceError; an empty answer is none."""
        ...


class RecordedGpus:
    """Evidence that was collected once, whatever is asked: to look into, never to believe."""

    name = "recorded"

    def __init__(self, devices: Sequence[GpuEvidence]) -> None:
        self._devices = tuple(devices)

    def collect(self, nonce: bytes) -> Sequence[GpuEvidence]:
        return self._devices


class Nvml:
    """Through the driver. ``library``: the module `pynvml`, imported when left out."""

    name = "nvml"

    def __init__(self, library: Any = None) -> None:
        self._library = library

    def collect(self, nonce: bytes) -> Sequence[GpuEvidence]:
        """Refuses a machine whose driver says that confidential mode is off, or debug mode on."""
        with self._open() as nvml:
            _check_mode(nvml, nvml.nvmlSystemGetConfComputeState())
            count = nvml.nvmlDeviceGetCount()
            return [_evidence(nvml, index, nonce) for index in range(count)]

    @contextmanager
    def _open(self) -> Iterator[Any]:
        nvml = self._library or _imported()
        try:
            nvml.nvmlInit()
            try:
                yield nvml
            finally:
                nvml.nvmlShutdown()
        except nvml.NVMLError as error:
            raise GpuSourceError(f"NVIDIA's driver gives no evidence: {error}") from error


def _imported() -> Any:
    try:
        return importlib.import_module("pynvml")
    except ImportError as error:
        raise GpuSourceError("package nvidia-ml-py is not installed in the enclave") from error


def _check_mode(nvml: Any, state: Any) -> None:
    if state.ccFeature != nvml.NVML_CC_SYSTEM_FEATURE_ENABLED:
        raise GpuSourceError("confidential mode is off, says NVIDIA's driver")
    if state.environment != nvml.NVML_CC_SYSTEM_ENVIRONMENT_PROD:
        raise GpuSourceError("confidential mode is not production's, says NVIDIA's driver")
    if state.devToolsMode != nvml.NVML_CC_SYSTEM_DEVTOOLS_MODE_OFF:
        raise GpuSourceError("developers' tools are let in, says NVIDIA's driver")


def _evidence(nvml: Any, index: int, nonce: bytes) -> GpuEvidence:
    device = nvml.nvmlDeviceGetHandleByIndex(index)
    report = nvml.nvmlDeviceGetConfComputeGpuAttestationReport(device, nonce)
    chain = nvml.nvmlDeviceGetConfComputeGpuCertificate(device)
    return GpuEvidence(
        bytes(report.attestationReport)[: report.attestationReportSize],
        bytes(chain.attestationCertChain)[: chain.attestationCertChainSize].rstrip(b"\0"),
    )
