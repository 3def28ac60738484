# SPDX-License-Identifier: Apache-2.0
"""Get a live subnet for a spec: use the one there is, or request and form one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import Network, Spec, SubnetInfo
from offchain_workers.chain.errors import CallRevertedError
from offchain_workers.requester.errors import NoSubnetError

POLL_SECONDS = 0.5
# A subnet about to expire is as good as none: the post would come too late.
SPARE_SECONDS = 30


def wait_a_moment() -> None:
    """Between two looks at a chain that goes on by itself."""
    time.sleep(POLL_SECONDS)


class Payer(Protocol):
    """What sends a transaction and returns once it is mined: a Wallet, or a daemon's outbox."""

    def send(self, call: Call) -> object:
        """Raises CallRevertedError when the contract would refuse."""
        ...


class Formation:
    """Requests and forms subnets, paying from ``wallet``.

    ``pause`` is called between two looks at the chain; on a development chain that mines only on
    demand it mines a block. ``say`` hears of each step.
    """

    def __init__(
        self,
        network: Network,
        wallet: Payer,
        pause: Callable[[], None] = wait_a_moment,
        say: Callable[[str], None] = lambda step: None,
    ) -> None:
        self._network = network
        self._subnets = network.subnets
        self._wallet = wallet
        self._pause = pause
        self._say = say

    def ensure(self, spec: Spec) -> SubnetInfo:
        """A live subnet of the spec. Raises NoSubnetError, CallRevertedError (coins, say)."""
        return self.live(spec) or self._form(spec)

    def live(self, spec: Spec) -> SubnetInfo | None:
        """The spec's subnet while it takes posts."""
        latest = self._subnets.latest_subnet(spec)
        now = self._subnets.w3.eth.get_block("latest")["timestamp"]
        if latest is None or latest[1] <= now + SPARE_SECONDS:
            return None
        return self._subnets.subnet(latest[0])

    def _form(self, spec: Spec) -> SubnetInfo:
        self._request(spec)
        seed_block = self._subnets.seed_block(spec)
        self._say(f"waiting for seed block {seed_block}")
        # One block more than the contract asks for: nodes simulate on top of the head they have.
        while self._subnets.w3.eth.block_number <= seed_block:
            self._pause()
        self._say("forming")
        try:
            self._wallet.send(self._subnets.form(spec))
        except CallRevertedError as error:
            if "too few candidates" in error.message:
                raise NoSubnetError(
                    f"fewer than {spec.k} offers match the spec in this epoch"
                ) from error
            if "already formed" not in error.message:
                raise
        formed = self.live(spec)
        if formed is None:
            raise NoSubnetError("the subnet that was formed is not live")
        return formed

    def _request(self, spec: Spec) -> None:
        try:
            cost = self._subnets.request_cost(spec)
        except CallRevertedError as error:
            if "pending" in error.message:
                return  # somebody asked already: form that one
            raise
        self._say("requesting a subnet")
        self._wallet.send(self._subnets.request(spec, cost))
