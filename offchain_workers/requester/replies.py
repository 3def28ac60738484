# SPDX-License-Identifier: Apache-2.0
"""Answers that are sealed to their requester: by which key, and bound to what."""

from __future__ import annotations

from eth_account.signers.local import LocalAccount

from offchain_workers.sealing import SealingKey, derived

_PURPOSE = b"model network: answers 1"


def reply_key(account: LocalAccount) -> SealingKey:
    """The one that belongs to an account: whoever has the account's key can read its answers, at
    any time."""
    return derived(bytes(account.key), _PURPOSE)
