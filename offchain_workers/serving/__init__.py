# SPDX-License-Identifier: Apache-2.0
"""Our own server of the Open Inference Protocol, over the sessions of an engine.

``oip_app`` makes an ASGI application that uvicorn, Ray Serve or another application mounts.
"""

from __future__ import annotations

from offchain_workers.serving.app import oip_app
from offchain_workers.serving.lane import Lane
from offchain_workers.serving.model import ServedModel

__all__ = ["Lane", "ServedModel", "oip_app"]
