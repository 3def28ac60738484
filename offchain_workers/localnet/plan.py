# SPDX-License-Identifier: Apache-2.0
"""Who takes part in a local market."""

from __future__ import annotations

from dataclasses import dataclass

from offchain_workers.chain.contracts import Tier

GWEI = 10**9
ETHER = 10**18


@dataclass(frozen=True)
class WorkerPlan:
    """One operator: ``price`` in wei per item of any model, ``stake`` in wei."""

    name: str
    tier: Tier
    price: int
    stake: int
    region: int = 1


# One worker a tier; the dearer ones have more at stake.
WORKERS = (
    WorkerPlan("cloud", Tier.WEB2_CLOUD, 1_500_000 * GWEI, 4 * ETHER),
    WorkerPlan("share", Tier.WEB3_SHARE, 1_000_000 * GWEI, 3 * ETHER),
    WorkerPlan("vnode", Tier.VIRTUAL_NODE, 750_000 * GWEI, 2 * ETHER),
)
# What each account gets from the development chain's first account.
FUNDS = 100 * ETHER
ROYALTY_BPS = 500
