# SPDX-License-Identifier: Apache-2.0
"""The ten funded accounts of a development chain: the public test mnemonic, as anvil has them."""

from __future__ import annotations

from functools import cache

from eth_account import Account
from eth_account.signers.local import LocalAccount

TEST_MNEMONIC = "test test test test test test test test test test test junk"
ACCOUNT_COUNT = 10
FUNDS_WEI = 10_000 * 10**18
CHAIN_ID = 31337


@cache
def dev_accounts() -> tuple[LocalAccount, ...]:
    """The accounts in derivation order. Their keys are public: never fund them on a real chain."""
    Account.enable_unaudited_hdwallet_features()
    return tuple(
        Account.from_mnemonic(TEST_MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
        for index in range(ACCOUNT_COUNT)
    )
