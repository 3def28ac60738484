# SPDX-License-Identifier: Apache-2.0
"""What an enclave says of its machine's GPUs, as a file whose hash its quote vouches for.

The hash is the file's content id too, so that a worker can serve it and anybody check it again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from offchain_workers.chain.hashing import keccak
from offchain_workers.problems import first_problem
from verifiers.teeml.collateral import Digest, Hex, Hex48
from verifiers.teeml.errors import GpuChainError, GpuClaimsError, GpuDebugError
from verifiers.teeml.gpu import NVIDIA, GpuReport, check_gpu
from verifiers.teeml.gpus.sources import GpuEvidence

MOST_DEVICES = 16
_TAG = keccak(b"Model Network TEEML GPU nonce 1")
_INDEX = Annotated[int, Field(ge=0, le=255)]
_GOLDEN = TypeAdapter(dict[str, dict[_INDEX, Hex48]])


def nonce_of(bound: bytes, anchor: bytes) -> bytes:
    """The question for what a quote vouches for: ``bound``, with no claims about GPUs in it yet,
    and the hash of a recent block. Nothing collected for another key, or before, answers it."""
    return keccak(_TAG + bound + anchor)


class Golden:
    """What the vendor says that firmware measures to: by driver and VBIOS, ``550.90.07/009f..``,
    digests (SHA-384) by index."""

    def __init__(self, firmware: Mapping[str, Mapping[int, bytes]]) -> None:
        self._firmware = firmware

    @classmethod
    def parse(cls, data: bytes) -> Golden:
        """From JSON; raises GpuClaimsError."""
        try:
            return cls(_GOLDEN.validate_json(data))
        except ValidationError as error:
            problem = first_problem(error, "document")
            raise GpuClaimsError(f"no list of measurements: {problem}") from error

    def check(self, report: GpuReport) -> None:
        """Raises GpuDebugError unless all that the vendor published was measured."""
        firmware = f"{report.driver}/{report.vbios}"
        published = self._firmware.get(firmware, {})
        if not published:
            raise GpuDebugError(f"no measurements are listed of GPU firmware {firmware}")
        if not report.debug_is_off(published):
            raise GpuDebugError(f"the GPU does not measure to what firmware {firmware} should")


class _Device(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    evidence: Hex
    chain: str


class GpuClaims(BaseModel):
    """``nonce``: what the devices were asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nonce: Digest
    devices: tuple[_Device, ...] = Field(min_length=1, max_length=MOST_DEVICES)

    @classmethod
    def of(cls, nonce: bytes, devices: Sequence[GpuEvidence]) -> GpuClaims:
        """Raises GpuClaimsError for none, and for too many."""
        if not 0 < len(devices) <= MOST_DEVICES:
            raise GpuClaimsError(f"{len(devices)} GPUs, want 1 to {MOST_DEVICES}")
        try:
            parts = tuple(
                _Device(evidence=one.evidence.hex(), chain=one.chain.decode("ascii"))
                for one in devices
            )
        except UnicodeDecodeError as error:
            raise GpuChainError("the GPU's certificate chain is not PEM") from error
        return cls(nonce="0x" + nonce.hex(), devices=parts)

    @classmethod
    def parse(cls, data: bytes) -> GpuClaims:
        """From a file; raises GpuClaimsError."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            problem = first_problem(error, "document")
            raise GpuClaimsError(f"no claims about GPUs: {problem}") from error

    def encode(self) -> bytes:
        """The file. The same claims give the same bytes."""
        shown: dict[str, str | list[dict[str, str]]] = {
            "nonce": "0x" + self.nonce.hex(),
            "devices": [
                {"evidence": one.evidence.hex(), "chain": one.chain} for one in self.devices
            ],
        }
        return json.dumps(shown, separators=(",", ":")).encode()

    def digest(self) -> bytes:
        """What a quote vouches for."""
        return keccak(self.encode())

    def check(self, at: int, root: tuple[int, int] = NVIDIA) -> list[GpuReport]:
        """Each device at Unix time ``at``: chain, signature, nonce, firmware id; no device twice.
        Raises as ``check_gpu``, and GpuClaimsError."""
        if len({one.chain for one in self.devices}) != len(self.devices):
            raise GpuClaimsError("a GPU stands there twice")
        return [
            check_gpu(one.evidence, one.chain.encode(), self.nonce, at, root)
            for one in self.devices
        ]
