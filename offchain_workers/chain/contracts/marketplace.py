# SPDX-License-Identifier: Apache-2.0
"""JobMarketplace: escrow, the life cycle of jobs, balances."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts.base import NATIVE, ZERO_ADDRESS, ContractWrapper
from offchain_workers.chain.contracts.terms import Acceptance, Domain, JobTerms


class JobStatus(IntEnum):
    UNKNOWN = 0
    OPEN = 1
    PENDING = 2
    PAID = 3
    REFUNDED = 4


class CloseReason(IntEnum):
    """Why a job closed (event JobClosed)."""

    PAID = 1
    EXPIRED = 2
    REFUTED = 3
    DEAD_PLUGIN = 4


@dataclass(frozen=True)
class Job:
    """A job's word. ``operator`` is None while open, ``posted_at`` 0 once it is not; ``pledge`` and
    the pending claim's ``bond`` in wei; ``first``: whose turn."""

    status: JobStatus
    operator: str | None
    posted_at: int
    pledge: int
    first: int
    bond: int


@dataclass(frozen=True)
class Method:
    """A listed verification method. ``max_delay`` in seconds, ``fee_bps`` of later posts."""

    plugin: str
    max_n: int
    max_delay: int
    fee_bps: int
    hedge: bool
    paused: bool
    retired: bool


class Marketplace(ContractWrapper):
    NAME = "JobMarketplace"

    @cached_property
    def domain(self) -> Domain:
        return Domain(self.w3.eth.chain_id, self.address)

    @cached_property
    def keeper_tip(self) -> int:
        """Wei that each post adds for whoever closes the job."""
        return int(self.read("KEEPER_TIP"))

    def job(self, job_id: bytes, block: int | str = "latest") -> Job:
        status, operator, *rest = self.read("job", job_id, block=block)
        found = None if operator == ZERO_ADDRESS else str(operator)
        return Job(JobStatus(status), found, *rest)

    def method(self, selector: bytes) -> Method | None:
        """None for a selector that was never listed."""
        fields = self.read("method", selector)
        return None if fields[0] == ZERO_ADDRESS else Method(*fields)

    def balance(self, account: str, token: str = NATIVE) -> int:
        return int(self.read("balance_of", token, account))

    def fees(self, token: str = NATIVE) -> int:
        return int(self.read("fees", token))

    def owner(self) -> str:
        return str(self.read("owner"))

    def value_due(self, terms: JobTerms) -> int:
        """Wei to send with a post that takes nothing from balances."""
        return self.keeper_tip + (terms.max_price if terms.token == NATIVE else 0)

    def post(self, terms: JobTerms, data: bytes, acceptance: Acceptance | None, value: int) -> Call:
        """``value``: what is missing to ``value_due`` comes out of the requester's balance."""
        if acceptance is None:
            return self.call("post", terms.abi(), data, value=value)
        return self.call("post_accepted", terms.abi(), data, acceptance.abi(), value=value)

    def deliver(self, terms: JobTerms, operator: str, output: bytes) -> Call:
        """Under method `none`, by the operator itself."""
        return self.call("deliver", terms.abi(), operator, output, JobStatus.PAID, 0)

    def refund(self, terms: JobTerms) -> Call:
        return self.call("refund", terms.abi())

    def deposit(self, amount: int, token: str = NATIVE) -> Call:
        return self.call("deposit", token, amount, value=amount if token == NATIVE else 0)

    def withdraw(self, amount: int, to: str, token: str = NATIVE) -> Call:
        return self.call("withdraw", token, amount, to)
