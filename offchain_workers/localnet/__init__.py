# SPDX-License-Identifier: Apache-2.0
"""A whole market on this machine: a chain, contracts, two models and three worker processes."""

from __future__ import annotations

from offchain_workers.localnet.net import Localnet
from offchain_workers.localnet.plan import WORKERS, WorkerPlan

__all__ = ["WORKERS", "Localnet", "WorkerPlan"]
