# SPDX-License-Identifier: Apache-2.0
"""What is no receipt is refused in one line that says where."""

from __future__ import annotations

import pytest

from offchain_workers.requester.receipts import Receipt, ReceiptUnreadableError


@pytest.mark.parametrize(
    ("text", "where"), [(b"[]", "document"), (b"{", "document"), (b"{}", "chain_id")]
)
def test_the_place_of_the_problem_is_named(text: bytes, where: str) -> None:
    with pytest.raises(ReceiptUnreadableError, match=f"not a receipt: {where}: "):
        Receipt.parse(text)
