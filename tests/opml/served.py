# SPDX-License-Identifier: Apache-2.0
"""Jobs over the compiled digits that a worker serves, and what its outbox says of them."""

from __future__ import annotations

from collections.abc import Sequence

from eth_account.signers.local import LocalAccount
from sqlalchemy import select

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import JobTerms
from offchain_workers.chain.db import Database
from offchain_workers.chain.tables import OutboxRow
from tests.operator.world import Running, inline, until
from tests.opml.compiled import GIVEN
from tests.opml.onchain import WINDOW, OpmlMarket


def claimed(opml: OpmlMarket, running: Running) -> JobTerms:
    """A job that the worker owes, once it has claimed."""
    terms = opml.terms(GIVEN)
    job_id = opml.market.post(terms, inline(GIVEN), running.promise(terms, inline(GIVEN)))
    until(lambda: opml.board.look(job_id))
    return terms


def pass_window(opml: OpmlMarket, terms: JobTerms, patience: int = WINDOW // 10) -> None:
    """And the time for which the worker's end of the claim waits for company."""
    look = opml.board.look(opml.market.job_id(terms))
    assert look is not None
    opml.market.chain.increase_time(look.claim.final_at + 1 + patience - opml.market.now())


def outbox(opml: OpmlMarket, operator: LocalAccount, job_id: bytes) -> dict[str, str]:
    """Functions that were called for the job, by the outbox's rows, to their state."""
    db = Database(f"sqlite:///{opml.market.folder}/{operator.address}/worker.db", exclusive=False)
    names = {selector: name for (name, _), (selector, _) in opml.verifier._functions.items()}
    with db.read() as session:
        rows = session.scalars(
            select(OutboxRow).where(OutboxRow.key.contains(job_id.hex())).order_by(OutboxRow.id)
        )
        sent = {names[row.data[:4]]: row.state for row in rows}
    db.close()
    return sent


def stake(opml: OpmlMarket, operator: LocalAccount) -> tuple[int, int]:
    """All of it, and what is free."""
    found = opml.market.network.subnets.operator(operator.address)
    assert found is not None
    return found.stake, found.free


def sent(opml: OpmlMarket, operator: LocalAccount, function: str) -> Sequence[OutboxRow]:
    """Wishes for calls of a function, oldest first."""
    db = Database(f"sqlite:///{opml.market.folder}/{operator.address}/worker.db", exclusive=False)
    selectors = [
        one for (name, _), (one, _) in opml.verifier._functions.items() if name == function
    ]
    with db.read() as session:
        rows = session.scalars(select(OutboxRow).order_by(OutboxRow.id)).all()
    db.close()
    return [row for row in rows if row.data[:4] in selectors]


def send_raw(opml: OpmlMarket, call: Call) -> None:
    """A stranger's, not waited for."""
    chain, stranger = opml.market.chain, opml.market.chain.accounts[9]
    count = chain.rpc("eth_getTransactionCount", stranger.address, "latest")
    fields = {"type": 2, "chainId": chain.chain_id, "nonce": int(count, 16), "gas": 300_000}
    fees = {"maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**10}
    signed = stranger.sign_transaction(
        {**fields, **fees, "to": call.to, "value": 0, "data": call.data}
    )
    chain.rpc("eth_sendRawTransaction", "0x" + signed.raw_transaction.hex())
