# SPDX-License-Identifier: Apache-2.0
"""One typed wrapper per contract, and the structs that they share."""

from __future__ import annotations

from offchain_workers.chain.contracts.deployment import ChainParams, Network, deploy
from offchain_workers.chain.contracts.marketplace import Job, JobStatus, Marketplace, Method
from offchain_workers.chain.contracts.models import ModelRecord, Models
from offchain_workers.chain.contracts.subnets import Operator, Spec, SubnetInfo, Subnets, Tier
from offchain_workers.chain.contracts.terms import Acceptance, Domain, JobTerms, sign_acceptance

__all__ = [
    "Acceptance",
    "ChainParams",
    "Domain",
    "Job",
    "JobStatus",
    "JobTerms",
    "Marketplace",
    "Method",
    "ModelRecord",
    "Models",
    "Network",
    "Operator",
    "Spec",
    "SubnetInfo",
    "Subnets",
    "Tier",
    "deploy",
    "sign_acceptance",
]
