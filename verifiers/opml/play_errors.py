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
