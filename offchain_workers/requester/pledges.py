# SPDX-License-Identifier: Apache-2.0
"""Whether a promise would count: what is signed well may still make the post revert."""

from __future__ import annotations

from typing import cast

from eth_typing import ChecksumAddress
from web3.exceptions import ContractLogicError

from offchain_workers.chain.call import revert_reason
from offchain_workers.chain.contracts import Acceptance, JobTerms, Network
from offchain_workers.requester.errors import AcceptanceForgedError

_GWEI = 10**9
_MOST_GWEI = 2**40


def check_pledge(network: Network, terms: JobTerms, acceptance: Acceptance) -> None:
    """As the market will look at it: of the primary's stake so much is to be reserved.

    The stake may be gone by the time of the post: then the post reverts, as without this look.
    Raises AcceptanceForgedError.
    """
    pledge, w3 = acceptance.pledge, network.subnets.w3
    if pledge % _GWEI or not 0 < pledge // _GWEI < _MOST_GWEI:
        raise AcceptanceForgedError(f"a pledge of {pledge} wei is none that the market takes")
    if acceptance.until < int(w3.eth.get_block("latest")["timestamp"]):
        raise AcceptanceForgedError("the promise is over already")
    primary = network.subnets.read("member", terms.subnet_id, terms.primary)[0]
    call = network.subnets.call("reserve", primary, pledge)
    try:
        w3.eth.call(
            {
                "from": network.marketplace.address,
                "to": cast(ChecksumAddress, call.to),
                "data": "0x" + call.data.hex(),  # type: ignore[typeddict-item]
            }
        )
    except ContractLogicError as error:
        raise AcceptanceForgedError(f"the pledge is not covered: {revert_reason(error)}") from error
