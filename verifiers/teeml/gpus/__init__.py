# SPDX-License-Identifier: Apache-2.0
"""GPUs of the machine that an enclave runs on: collected, checked and bound to its keys."""

from verifiers.teeml.gpus.claims import Golden, GpuClaims
from verifiers.teeml.gpus.collect import Gpus
from verifiers.teeml.gpus.sources import GpuEvidence, GpuSource, Nvml, RecordedGpus

__all__ = ["Golden", "GpuClaims", "GpuEvidence", "GpuSource", "Gpus", "Nvml", "RecordedGpus"]
