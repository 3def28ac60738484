# SPDX-License-Identifier: Apache-2.0
"""Before a bond: several endpoints must show the same claim, and the budget must allow it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from offchain_workers.chain.contracts.opml import GWEI, OpmlVerifier
from offchain_workers.chain.development import DEVELOPMENT_CHAINS
from offchain_workers.chain.endpoint import EndpointFaultError, Fault
from offchain_workers.chain.errors import EndpointsDisagreeError
from offchain_workers.chain.rpc import RpcPool, unwrap
from offchain_workers.challenger.docket import Claimed
from offchain_workers.challenger.errors import OneEndpointError
from offchain_workers.challenger.reasons import LeftError, Reason

_BPS = 10_000


def endpoints_needed(configured: int, chain_id: int, one_endpoint: bool) -> int:
    """How many must agree before a bond. Raises OneEndpointError for one on a public chain."""
    if one_endpoint or (configured == 1 and chain_id in DEVELOPMENT_CHAINS):
        return 1
    if configured == 1:
        raise OneEndpointError(
            "one RPC endpoint could show a claim that nobody made: configure two in "
            "chain.rpc_urls, or accept the risk with --one-endpoint"
        )
    return 2


class Guard:
    """Asks about claims and bonds. ``needed``: see above; ``budget`` in wei; ``margin_bps``: added
    to the bond, for the base fee moves until the transaction is mined."""

    def __init__(
        self, pool: RpcPool, verifier: OpmlVerifier, needed: int, budget: int, margin_bps: int
    ) -> None:
        self.budget = budget
        self._pool = pool
        self._verifier = verifier
        self._needed = needed
        self._margin_bps = margin_bps

    def bond(self, claim: Claimed, at_risk: int) -> int:
        """Wei to open a game with, a whole number of gwei. Raises LeftError.

        Every healthy endpoint is asked whether this very claim stands, as of one block. The input
        needs no second opinion: the job id, under which the claim stands, commits to it.
        """
        self._pool.refresh()
        if len(self._pool.healthy()) < self._needed:
            raise LeftError(Reason.ENDPOINT_MISSING, f"{self._needed} must agree")
        try:
            self._pool.require_agreement()
            word, _, _ = self._agreed("claim_of", ["uint256"] * 3, claim.job_id)
            (least,) = self._agreed("bond_to_open", ["uint256"])
        except EndpointsDisagreeError as error:
            raise LeftError(Reason.ENDPOINTS_DISAGREE, error.message) from error
        if word != claim.word:
            raise LeftError(Reason.CLAIM_GONE)
        bond: int = -(-least * (_BPS + self._margin_bps) // (_BPS * GWEI)) * GWEI
        if at_risk + bond > self.budget:
            raise LeftError(
                Reason.BUDGET_SPENT, f"{at_risk} wei at risk, {bond} more, budget {self.budget}"
            )
        return bond

    def _agreed(self, function: str, types: Sequence[str], *args: Any) -> tuple[Any, ...]:
        """A view's answer, the same from every healthy endpoint that we asked; enough must have."""
        call = self._verifier.call(function, *args)
        block = hex(self._pool.common_height)
        params = [{"to": call.to, "data": "0x" + call.data.hex()}, block]
        answer = self._pool.agreed("eth_call", params, lambda response: _read(types, response))
        if len(self._pool.healthy()) < self._needed:  # one fell silent while we asked
            raise LeftError(Reason.ENDPOINT_MISSING, f"{self._needed} must agree")
        return answer


def _read(types: Sequence[str], response: dict[str, Any]) -> tuple[Any, ...]:
    """A view's answer; what is none puts the endpoint in quarantine."""
    result = unwrap("eth_call", response)
    try:
        return decode(types, bytes.fromhex(result.removeprefix("0x")))
    except (AttributeError, ValueError, DecodingError) as error:
        why = f"{str(result)[:80]!r} is no answer of a view"
        raise EndpointFaultError(Fault.GARBAGE, why) from error
