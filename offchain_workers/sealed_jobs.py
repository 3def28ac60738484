# SPDX-License-Identifier: Apache-2.0
"""Inputs of private jobs: what binds a box to its job, and the worker's side of opening one."""

from __future__ import annotations

from dataclasses import dataclass

from offchain_workers.chain.contracts import Domain, JobTerms
from offchain_workers.chain.contracts.marketplace import Marketplace
from offchain_workers.sealing import SealingKey, input_info


def info_of(terms: JobTerms, domain: Domain) -> bytes:
    """The ``info`` under which a job's input is sealed."""
    return input_info(domain.chain_id, domain.market, terms.requester, terms.input_commitment)


@dataclass(frozen=True)
class Reader:
    """Opens boxes for one operator on one market."""

    key: SealingKey
    market: Marketplace

    def open(self, terms: JobTerms, box: bytes) -> bytes:
        """What is in a job's box. Raises SealedError."""
        return self.key.open(box, info_of(terms, self.market.domain))
