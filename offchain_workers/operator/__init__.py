# SPDX-License-Identifier: Apache-2.0
"""The operator's daemon: it watches for jobs, runs models, delivers and is paid."""

from __future__ import annotations

from offchain_workers.operator.serve import serve
from offchain_workers.operator.worker import Worker

__all__ = ["Worker", "serve"]
