# SPDX-License-Identifier: Apache-2.0
"""Which claims a watcher runs again when it does not run all."""

from __future__ import annotations

from offchain_workers.chain.hashing import keccak


def is_mine(job_id: bytes, address: str, share: float) -> bool:
    """A fair draw by job and address, the same each time; ``share`` from 0 to 1.

    Whoever chooses job ids and knows the address can choose ids that this watcher leaves alone:
    where that pays somebody, run all.
    """
    drawn = int.from_bytes(keccak(job_id + bytes.fromhex(address[2:])), "big")
    return drawn < share * 2**256
