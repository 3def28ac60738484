# SPDX-License-Identifier: Apache-2.0
"""What keeps a watcher from starting, or a game from being shown; why it leaves a claim alone is in
reasons.py."""

from __future__ import annotations

from offchain_workers.errors import FusionError
from verifiers.opml.play_errors import PlayError


class OneEndpointError(PlayError):
    """One RPC endpoint could make a watcher bond against a claim that nobody made."""

    CODE = "MN-OPML-096"


class GameUnknownError(PlayError):
    """Nobody claimed that job, or played against its claim."""

    CODE = "MN-OPML-097"


class AccountNeededError(FusionError):
    """Only a dry run needs no key."""

    def __init__(self) -> None:
        super().__init__("MN-OPML-098", "playing needs an account: only a dry run needs none")
