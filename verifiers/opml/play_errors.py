# SPDX-License-Identifier: Apache-2.0
"""What goes wrong while claims are made and games are played."""

from __future__ import annotations

from typing import ClassVar

from offchain_workers.errors import FusionError


class PlayError(FusionError):
    """Base: a subclass fixes the code."""

    CODE: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(self.CODE, message)


class GamesHiddenError(PlayError):
    """The contract counts more open games than an endpoint's events show."""

    CODE = "MN-OPML-070"


class UnansweredError(PlayError):
    """An endpoint shows no answer under a key that the contract holds for answered, or asked."""

    CODE = "MN-OPML-071"


class ArtifactMismatchError(PlayError):
    """The card lists no bundle of the model's artifact."""

    CODE = "MN-OPML-072"


class ItemCountError(PlayError):
    """A job under `opml` has one input."""

    CODE = "MN-OPML-073"


class TraceMisfitError(PlayError):
    """trace.onnx does not give the outputs of the program's nodes."""

    CODE = "MN-OPML-074"


class SelfTestError(PlayError):
    """This machine computes a node otherwise than the program says."""

    CODE = "MN-OPML-075"

    def __init__(self, node: int | None, reason: str) -> None:
        where = "the model" if node is None else f"node {node}"
        super().__init__(f"{where}: {reason}")
        self.node = node
        self.reason = reason


class BarredError(FusionError):
    """The self-test refused the bundle on this machine before: a verdict that was kept."""


class NothingDiffersError(PlayError):
    """A claimant's trace turns out to be the same as ours, or a game left our line of play."""

    CODE = "MN-OPML-099"


class NotListedError(PlayError):
    """This market has no `opml`."""

    CODE = "MN-OPML-076"
