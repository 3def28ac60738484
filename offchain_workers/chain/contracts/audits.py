# SPDX-License-Identifier: Apache-2.0
"""OpmlAudits: who is asked to run a claim again, and what that pays."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts.base import ContractWrapper
from offchain_workers.chain.contracts.terms import JobTerms
from offchain_workers.chain.hashing import keccak

_GWEI = 10**9


class Audit(NamedTuple):
    """An audit: stage 1 drawn, 2 committed, 3 ended; ``pay`` in wei."""

    auditor: str
    stage: int
    since: int
    pay: int


class OpmlAudits(ContractWrapper):
    NAME = "OpmlAudits"

    @classmethod
    def of(cls, verifier: ContractWrapper) -> OpmlAudits | None:
        """The one that the verifier knows; None where nothing was deployed there."""
        address = verifier.read("AUDITS")
        return cls(verifier.w3, address) if verifier.w3.eth.get_code(address) else None

    @cached_property
    def commit_seconds(self) -> int:
        return int(self.read("COMMIT_SECONDS"))

    @cached_property
    def confirm_seconds(self) -> int:
        return int(self.read("CONFIRM_SECONDS"))

    @cached_property
    def share(self) -> int:
        """Of 65,536 claims so many are drawn."""
        return int(self.read("SHARE"))

    @cached_property
    def _price(self) -> tuple[int, int]:
        return int(self.read("MIN_PAY")), int(self.read("PAY_GAS"))

    def pay(self, base_fee: int) -> int:
        """Wei that an audit drawn at that base fee pays."""
        least, gas = self._price
        return -(-max(least, gas * base_fee) // _GWEI) * _GWEI

    def fund(self) -> int:
        """Wei for audits to come."""
        return int(self.w3.eth.get_balance(self.address)) - int(self.read("owed"))

    def credit(self, account: str) -> int:
        return int(self.read("credit", account))

    def audit(self, job_id: bytes, claim: int) -> Audit | None:
        """None when the claim was not drawn."""
        found = Audit(*self.read("audit", job_id, claim))
        return found if found.stage else None

    def commitment(self, claim_id: bytes) -> bytes:
        """The auditor's; zeros before it committed."""
        return bytes(self.read("commitments", claim_id))

    def is_drawn(self, job_id: bytes, claim: int) -> bool:
        """Raises CallRevertedError before the second block after the claim, and after the 256th."""
        return bool(self.read("is_drawn", job_id, claim))

    def lot(self, claim_id: bytes, claim: int, head: int) -> int | None:
        """As OpmlAudits draws it; None before the second block after the claim, or when the block
        on which it depends can't be asked for in the next one any more."""
        behind = (head - (claim >> 56)) & 65_535
        if not 2 <= behind < 256:
            return None
        block = self.w3.eth.get_block(head - behind + 1)
        return int.from_bytes(keccak(bytes(block["hash"]) + claim_id), "big")

    def draw(self, terms: JobTerms, claim: int) -> Call:
        return self.call("draw", terms.abi(), claim)

    def commit(self, job_id: bytes, claim: int, auditor: str, root: bytes) -> Call:
        """``root`` of the auditor's own trace."""
        return self.call("commit", job_id, claim, audit_commitment(auditor, root))

    def confirm(self, job_id: bytes, claim: int) -> Call:
        return self.call("confirm", job_id, claim)

    def lapse(self, job_id: bytes, claim: int) -> Call:
        return self.call("lapse", job_id, claim)

    def harvest(self, job_id: bytes, claim: int) -> Call:
        return self.call("harvest", job_id, claim)


def audit_commitment(auditor: str, root: bytes) -> bytes:
    """What an auditor commits to before the claimant's root is known."""
    return keccak(bytes(12) + bytes.fromhex(auditor[2:]) + root)
