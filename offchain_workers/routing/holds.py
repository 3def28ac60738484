# SPDX-License-Identifier: Apache-2.0
"""What a method's own contract says of how long an answer stands before it is verified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from offchain_workers.chain.contracts import Network
from offchain_workers.routing.carrying import carrier
from offchain_workers.routing.market import Carriage

# Older blocks are not read again: a chain does not go back so far.
SETTLED_BLOCKS = 64


class Holds:
    """Read from events up to the block of a snapshot; what was read once is kept."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._known: dict[str, tuple[int, dict[bytes, int]]] = {}

    def at(self, method: str, block: int) -> Mapping[bytes, int] | None:
        """Milliseconds by artifact, of those that were there after a block; None for a method
        whose cards say it all. Raises LogRangeRefusedError and the chain's errors."""
        hold = carrier(method).hold
        if hold is None:
            return None
        nothing: tuple[int, dict[bytes, int]] = self._network.start_block - 1, {}
        read_to, known = self._known.get(method, nothing)
        if block < read_to:  # what is known came in part later
            return hold(self._network, self._network.start_block, block)
        settled = block - SETTLED_BLOCKS
        if settled > read_to:
            known = {**known, **hold(self._network, read_to + 1, settled)}
            read_to = settled
            self._known[method] = read_to, known
        return {**known, **hold(self._network, read_to + 1, block)}


def held(carriage: Carriage, hold: Mapping[bytes, int] | None) -> Carriage | None:
    """With the hold in its delay; None where the contract knows no such artifact."""
    if hold is None:
        return carriage
    added = hold.get(carriage.artifact_id)
    return None if added is None else replace(carriage, delay_ms=carriage.delay_ms + added)
