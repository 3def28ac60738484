# SPDX-License-Identifier: Apache-2.0
"""What the runs draw from: mostly what works, and the odd flaw."""

from __future__ import annotations

from typing import TypeVar

from hypothesis import strategies as st

from tests.contracts.parts import ETHER
from tests.contracts.stateful import play as p
from tests.contracts.stateful.posting import FLAWS, GWEI, Promise, Wish

T = TypeVar("T")

# Taken modulo what there is to choose from.
pick = st.integers(0, 59)
coin = st.booleans()


def mostly(usual: T, *others: T) -> st.SearchStrategy[T]:
    """The usual in about two draws of three."""
    return st.sampled_from([usual] * (2 * len(others)) + list(others))


wish = st.builds(
    Wish,
    requester=pick,
    subnet=pick,
    n=mostly(1, 3),
    sized=coin,
    primary=pick,
    surplus=st.sampled_from((0, 7, 10**6, -(5 * 10**5))),
    turn_length=st.sampled_from((0, 60, 60, 300)),
    window=st.sampled_from((30, 600, 600, 3_600)),
    slack=mostly(0, 500),
    eager=coin,
    target=st.sampled_from(("", "agent", "agent", "wallet")),
    value_percent=mostly(100, 0, 50),
    flaw=st.just(""),
)
flawed_wish = st.builds(
    lambda sound, flaw: sound._replace(flaw=flaw, value_percent=101 if flaw == "overpaid" else 100),
    wish,
    st.sampled_from((*FLAWS, "overpaid")),
)
pledge = st.sampled_from((ETHER // 100, ETHER // 10, ETHER // 2, 2 * ETHER))
promise = st.builds(Promise, pledge, st.just(""))
false_promise = st.builds(
    Promise, st.sampled_from((0, GWEI + 1, 100 * ETHER, 2**40 * GWEI)), st.just("")
)
token_mood = mostly(
    p.HONEST, p.TOKEN_REVERTS, p.TOKEN_ANSWERS_FALSE, p.KEEPS_A_PART, p.MOVES_NOTHING
)
wait = st.sampled_from(["moment"] * 8 + ["edge"] * 16 + ["epoch"] * 2 + ["leap"])
mood = st.sampled_from((p.QUIET, p.REVERT, p.BURN_GAS, p.REENTER, p.REENTER))
plan = st.sampled_from(["post"] * 5 + ["withdraw", "deposit", "refund", "burn", "credit"])
amount = st.sampled_from((1, 1_000, 10**6, 10**15))
percent = st.sampled_from((100, 100, 50, 1, 101))
offset = st.sampled_from((-1, 0, 0, 1))
rarely = st.sampled_from([False] * 7 + [True])
inner = st.sampled_from(("deliver", "deliver", "post", "withdraw", "deposit", "refund", "burn"))
owner_action = st.sampled_from(
    ["fee"] * 6 + ["collect"] * 6 + ["pause", "repoint", "retire", "retire"]
)
fee = st.sampled_from((0, 250, 999, 1_000, 1_001))
stake = st.sampled_from((0, ETHER // 3, 2 * ETHER, 5 * ETHER))
price = st.sampled_from((0, 999_999, 2_000_003))
tier = st.sampled_from((0, 1, 1, 2))
