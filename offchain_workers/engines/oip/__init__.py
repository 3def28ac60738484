# SPDX-License-Identifier: Apache-2.0
"""Models on servers of the Open Inference Protocol: Triton, KServe, MLServer, clouds, our own."""

from __future__ import annotations

from offchain_workers.engines.oip.endpoint import Endpoint, Limits
from offchain_workers.engines.oip.engine import OipEngine, OipSession
from offchain_workers.engines.oip.errors import (
    AnswerInvalidError,
    EndpointError,
    EndpointRefusedError,
    EndpointUnavailableError,
    EndpointUnreachableError,
    ModelNotServedError,
    NoEndpointError,
)

__all__ = [
    "AnswerInvalidError",
    "Endpoint",
    "EndpointError",
    "EndpointRefusedError",
    "EndpointUnavailableError",
    "EndpointUnreachableError",
    "Limits",
    "ModelNotServedError",
    "NoEndpointError",
    "OipEngine",
    "OipSession",
]
