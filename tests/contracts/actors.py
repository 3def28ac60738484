# SPDX-License-Identifier: Apache-2.0
"""Wallets with keys, for tests that sign."""

from __future__ import annotations

from functools import cache

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak


@cache
def wallet(name: str) -> LocalAccount:
    """The wallet of a role; the same key for the same name, always."""
    account: LocalAccount = Account.from_key(keccak(text=name))
    return account
