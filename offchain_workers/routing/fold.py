# SPDX-License-Identifier: Apache-2.0
"""What the registries' events say of models, attesters, methods and live subnets at a block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from offchain_workers.chain.events import Event
from offchain_workers.models.catalog import PublishedModel

Args = Mapping[str, Any]


@dataclass
class Listed:
    """A method's place in the market's table."""

    max_n: int
    paused: bool = False
    retired: bool = False


@dataclass
class Folded:
    """``stakes`` in wei; ``formed``: spec id to the latest subnet formed and when it ends."""

    models: dict[bytes, PublishedModel] = field(default_factory=dict)
    attesters: dict[bytes, set[str]] = field(default_factory=dict)
    stakes: dict[str, int] = field(default_factory=dict)
    methods: dict[bytes, Listed] = field(default_factory=dict)
    formed: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[Event]) -> Folded:
        """``events`` in chain order; others than those of the table below are skipped."""
        folded = cls()
        for event in events:
            if event.name == "ModelPublished":
                model = PublishedModel.of(event.args, event.block_number)
                folded.models[model.model_id] = model
            elif event.name in _FOLD:
                _FOLD[event.name](folded, event.args)
        return folded

    def attesters_of(self, model_id: bytes, stake: int) -> frozenset[str]:
        """Those who stand behind their word with so much, still."""
        named = self.attesters.get(model_id, ())
        return frozenset(who for who in named if self.stakes.get(who, 0) >= stake)


def _attested(folded: Folded, args: Args) -> None:
    folded.attesters.setdefault(args["model_id"], set()).add(args["attester"])


def _retracted(folded: Folded, args: Args) -> None:
    folded.attesters[args["model_id"]].discard(args["attester"])


def _staked(folded: Folded, args: Args) -> None:
    folded.stakes[args["operator"]] = args["stake"]


def _lost(folded: Folded, args: Args) -> None:
    folded.stakes[args["operator"]] -= args["amount"]


def _formed(folded: Folded, args: Args) -> None:
    folded.formed[args["spec_id"]] = (args["subnet_id"], args["expires"])


def _added(folded: Folded, args: Args) -> None:
    folded.methods[args["selector"]] = Listed(args["max_n"])


def _retired(folded: Folded, args: Args) -> None:
    folded.methods[args["selector"]].retired = True


def _paused(folded: Folded, args: Args) -> None:
    folded.methods[args["selector"]].paused = args["paused"]


_FOLD: dict[str, Callable[[Folded, Args], None]] = {
    "ModelAttested": _attested,
    "AttestationRetracted": _retracted,
    "StakeAdded": _staked,
    "Unbonding": _lost,
    "Slashed": _lost,
    "SubnetFormed": _formed,
    "MethodAdded": _added,
    "MethodRetired": _retired,
    "PostsPaused": _paused,
}
FOLDED = frozenset({"ModelPublished", *_FOLD})
OF_MARKET = ("MethodAdded", "MethodRetired", "PostsPaused")
