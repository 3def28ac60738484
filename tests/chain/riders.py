# SPDX-License-Identifier: Apache-2.0
"""Wishes that may share a transaction, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from offchain_workers.chain.outbox import CARRIER
from offchain_workers.chain.tables import OutboxRow
from offchain_workers.chain.transactions import State
from tests.chain.hands import GWEI, Hands

KEYS = ["a", "b", "c", "d"]


def place(key: str) -> bytes:
    """What a wish with this key counts up."""
    return key.encode().ljust(32, b"\0")


def wish(hands: Hands, key: str, **options: int) -> None:
    """To count up once: whoever comes second reverts."""
    hands.enqueue(hands.contract.functions.once(place(key)), key, **options)


def wish_all(hands: Hands, keys: Sequence[str] = KEYS) -> None:
    for key in keys:
        wish(hands, key)


def counted(hands: Hands, keys: Sequence[str] = KEYS) -> list[int]:
    return [hands.contract.functions.touches(place(key)).call() for key in keys]


def states(hands: Hands, keys: Sequence[str] = KEYS) -> list[str]:
    return [hands.row(key).state for key in keys]


def carriers(hands: Hands) -> Sequence[OutboxRow]:
    with hands.db.read() as session:
        query = select(OutboxRow).where(OutboxRow.key.startswith(CARRIER))
        return session.scalars(query.order_by(OutboxRow.id)).all()


def in_flight(hands: Hands) -> OutboxRow:
    """The carrier of all that was wished, sent and not mined."""
    wish_all(hands)
    hands.manager.step()
    assert states(hands) == [State.PENDING] * 4
    [carrier] = carriers(hands)
    return carrier


def foreign_first(hands: Hands, key: str) -> None:
    """Somebody else does what a wish wants, in front of us in the next block."""
    stranger = hands.chain.accounts[5]
    fields = {"from": stranger.address, "gas": 100_000, "chainId": hands.chain.chain_id}
    fees = {"maxFeePerGas": 90 * GWEI, "maxPriorityFeePerGas": 30 * GWEI}
    count = hands.chain.rpc("eth_getTransactionCount", stranger.address, "latest")
    call = hands.contract.functions.once(place(key)).build_transaction(
        {**fields, **fees, "nonce": int(count, 16)}  # type: ignore[typeddict-item]
    )
    raw = stranger.sign_transaction(call).raw_transaction
    hands.chain.rpc("eth_sendRawTransaction", "0x" + raw.hex())
