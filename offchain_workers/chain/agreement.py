# SPDX-License-Identifier: Apache-2.0
"""A second opinion before coins go along with a call, whose reason one endpoint could make up."""

from __future__ import annotations

from offchain_workers.chain.call import Call
from offchain_workers.chain.errors import EndpointMissingError
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.chain.vantage import Vantage

_NEEDED = 2


def second_opinion(pool: RpcPool, sender: str, call: Call) -> None:
    """Two endpoints, where so many are configured, must be on one chain and make the same of the
    call, as of one block.

    Raises EndpointMissingError, EndpointsDisagreeError, RpcUnavailableError.
    """
    needed = min(_NEEDED, len(pool.health()))
    data, value = "0x" + call.data.hex(), hex(call.value)
    seen = Vantage(pool, sender)
    seen.simulate({"from": sender, "to": call.to, "data": data, "value": value})
    healthy = len(pool.healthy())
    if healthy < needed:  # of those that answered while we asked
        raise EndpointMissingError(f"{healthy} of {needed} RPC endpoints answer")
