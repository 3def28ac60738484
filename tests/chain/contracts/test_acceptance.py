# SPDX-License-Identifier: Apache-2.0
"""An acceptance that nobody could have signed is an error with a code, not a crash."""

from __future__ import annotations

import pytest
from eth_account import Account

from offchain_workers.chain.contracts import Acceptance, Domain
from offchain_workers.chain.contracts.terms import accepted_by, sign_acceptance
from offchain_workers.chain.errors import TermsInvalidError

DOMAIN = Domain(31337, "0x" + "11" * 20)
JOB = bytes(range(32))


def test_who_signed_is_found() -> None:
    account = Account.create()
    acceptance = sign_acceptance(account, DOMAIN, JOB, 1_000, 10**9)
    assert accepted_by(acceptance, DOMAIN, JOB) == account.address


@pytest.mark.parametrize(
    "acceptance",
    [
        Acceptance(1_000, 10**9, 27, 0, 0),
        Acceptance(1_000, 10**9, 27, 1 << 300, 1),
        Acceptance(1_000, 10**9, 27, -5, 1),
        Acceptance(1_000, 10**9, 27, 2**256 - 1, 2**256 - 1),
        Acceptance(-1, 10**9, 27, 1, 1),
        Acceptance(1_000, 1 << 256, 27, 1, 1),
        Acceptance(1_000, 10**9, -1, 1, 1),
    ],
)
def test_what_nobody_can_sign(acceptance: Acceptance) -> None:
    with pytest.raises(TermsInvalidError):
        accepted_by(acceptance, DOMAIN, JOB)
