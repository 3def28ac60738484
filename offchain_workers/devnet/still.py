# SPDX-License-Identifier: Apache-2.0
"""A chain in this process on which no time passes: for questions about one moment."""

from __future__ import annotations

from typing import Any, cast

from web3 import Web3
from web3.providers import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from .clock import Clock
from .controls import Interval
from .http import Dispatcher
from .node import Node


def still_chain(at: int) -> Web3:
    """A new chain whose every block is of Unix time ``at``; each transaction is mined at once."""
    return Web3(_Provider(Node(clock=Clock(lambda: at))))


class _Provider(JSONBaseProvider):
    def __init__(self, node: Node) -> None:
        super().__init__()
        self._dispatcher = Dispatcher(node, Interval(node))

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        answer = self._dispatcher.answer(self.encode_rpc_request(method, params))
        return cast(RPCResponse, answer)
