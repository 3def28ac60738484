# SPDX-License-Identifier: Apache-2.0
"""Inside the enclave: GPUs are asked, and checked, before a key is made."""

from __future__ import annotations

import time

from verifiers.teeml.gpu import NVIDIA
from verifiers.teeml.gpus.claims import Golden, GpuClaims
from verifiers.teeml.gpus.sources import GpuSource


class Gpus:
    """``golden``: what the vendor says that their firmware measures to; what is not listed is
    refused, for no field of the evidence tells whether debugging is off."""

    def __init__(self, source: GpuSource, golden: Golden, root: tuple[int, int] = NVIDIA) -> None:
        self.name = source.name
        self._source = source
        self._golden = golden
        self._root = root

    def claims(self, nonce: bytes) -> GpuClaims:
        """Of all GPUs here, asked ``nonce`` (32 bytes). Raises GpuSourceError, GpuClaimsError, and
        the errors of ``check_gpu`` and of ``Golden``.

        By the machine's own clock, the host's to set: it decides about certificates alone, and
        the vendor's device certificates do not end.
        """
        found = GpuClaims.of(nonce, self._source.collect(nonce))
        for report in found.check(int(time.time()), self._root):
            self._golden.check(report)
        return found
