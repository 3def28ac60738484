# SPDX-License-Identifier: Apache-2.0
"""Terms that a requester prepares."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from offchain_workers.daemon import clock
from offchain_workers.devnet import start_devnet
from offchain_workers.requester.posting import Posting, Wish
from tests.operator.world import DIGITS, NONE, PIXELS, build

IDLE = 3_600


def test_time_to_deliver_counts_from_now_on_a_chain_at_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No block was made for an hour: the newest one's time is not when the post will be."""
    with start_devnet("embedded") as chain:
        market = build(chain, tmp_path)
        posting = Posting(market.network, market.subnet, market.model_id, DIGITS.card, NONE, {})
        real = time.time
        monkeypatch.setattr(clock.time, "time", lambda: real() + IDLE)
        began = int(time.time())
        wish = Wish(accepted=False, deliver_within=600)
        terms = posting.prepare(market.requester.address, [PIXELS], wish).terms
        assert began + 600 <= terms.deliver_by <= int(time.time()) + 600
