# SPDX-License-Identifier: Apache-2.0
"""Where wishes arrive over HTTP: plans, jobs, blobs, and an Open Inference Protocol front door."""

from __future__ import annotations

from offchain_workers.gateway.gateway import Gateway
from offchain_workers.gateway.serve import serve

__all__ = ["Gateway", "serve"]
