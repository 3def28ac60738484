# SPDX-License-Identifier: Apache-2.0
"""What a market's chain says of quotes and collateral, and what of the collateral it lacks."""

from __future__ import annotations

import time
from typing import Any, cast

from eth_utils.address import to_checksum_address
from web3.exceptions import ContractLogicError, Web3RPCError

from offchain_workers.chain.call import Call, revert_reason
from offchain_workers.chain.contracts import Network
from offchain_workers.chain.contracts.enclaves import Policy
from verifiers.base import Step
from verifiers.teeml.collateral import Collateral
from verifiers.teeml.errors import PolicyRefusedError
from verifiers.teeml.keypolicy import place_in
from verifiers.teeml.market import verifier_of
from verifiers.teeml.onchain import chosen, quote_words, steps
from verifiers.teeml.quote import Quote
from verifiers.teeml.reports import EnclaveReport
from verifiers.teeml.sources import Source

# For as long fetched collateral is used.
_FRESH_SECONDS = 60.0


class Chainside:
    """One operator's view of one market. Raises NotListedError when it has no method teeml."""

    def __init__(self, network: Network, operator: str, source: Source) -> None:
        self.w3 = network.marketplace.w3
        self.verifier = verifier_of(network)
        self._operator = operator
        self._source = source
        self._collateral = self.verifier.collateral()
        self._fetched: tuple[float, Collateral] | None = None

    def now(self) -> int:
        """The newest block's time."""
        return int(self.w3.eth.get_block("latest")["timestamp"])

    def refusal(self, call: Call) -> str | None:
        """What the chain would say, None when it would take the call."""
        fields = {"from": self._operator, "to": to_checksum_address(call.to), "data": call.data}
        try:
            self.w3.eth.call(cast(Any, fields))
        except (ContractLogicError, Web3RPCError) as error:
            return revert_reason(error)
        return None

    def collateral(self, quote: Quote) -> Collateral:
        """Fetched once for the blocks that a registration takes. Raises TeeError."""
        since = time.monotonic()
        if self._fetched is None or since - self._fetched[0] > _FRESH_SECONDS:
            self._fetched = since, self._source.collateral(quote, self.now())
        return self._fetched[1]

    def forget(self) -> None:
        """Fetch collateral anew next time."""
        self._fetched = None

    def missing(self, quote: Quote) -> list[Step]:
        """What the chain would take of the collateral."""
        parts = steps(self.collateral(quote))
        calls = [self._collateral.call(one.function, *one.args) for one in parts]
        return [Step("collateral", call) for call in calls if self.refusal(call) is None]

    def evidence(self, policy: Policy, quote: Quote) -> tuple[Any, ...]:
        """As TeemlVerifier takes it. Raises PolicyRefusedError for other software."""
        return (quote_words(quote), *chosen(self.collateral(quote)), _place(policy, quote))


def _place(policy: Policy, quote: Quote) -> int:
    report = quote.report
    svn = report.isvsvn if isinstance(report, EnclaveReport) else 0
    measured = quote.measurement, quote.runtime_measurement
    found = place_in(policy, *measured, tdx=quote.is_tdx, svn=svn)
    if found is None:
        raise PolicyRefusedError(
            f"measurement 0x{quote.measurement.hex()} is not the policy's: other software runs here"
        )
    return found
