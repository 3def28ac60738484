# SPDX-License-Identifier: Apache-2.0
"""Why an adversary is refused."""

from __future__ import annotations

from offchain_workers.chain.development import DEVELOPMENT_CHAINS
from verifiers.opml.play_errors import PlayError


class NotDevelopmentError(PlayError):
    """Adversaries are for development chains."""

    CODE = "MN-OPML-077"


class UnknownAdversaryError(PlayError):
    """No adversary has that name."""

    CODE = "MN-OPML-078"


def need_development_chain(chain_id: int | None) -> None:
    """Raises NotDevelopmentError."""
    if chain_id not in DEVELOPMENT_CHAINS:
        raise NotDevelopmentError(f"chain {chain_id} is not a development chain: nobody lies here")
