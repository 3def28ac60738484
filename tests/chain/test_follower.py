# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from web3.contract import Contract

from offchain_workers.chain.db import Database
from offchain_workers.chain.errors import (
    DeepReorgError,
    EndpointsDisagreeError,
    EventUndecodableError,
    LogRangeRefusedError,
    WrongDatabaseError,
)
from offchain_workers.chain.follower import BlockFollower, Forward, Rollback, Step
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.chain.tables import BlockRow, CursorRow, EventRow
from offchain_workers.devnet import Devnet, start_devnet
from tests.chain.world import Proxy, Rewrite, deploy

Start = Callable[[str], Proxy]


def follow(db: Database, urls: list[str], contract: Contract, **options: Any) -> BlockFollower:
    return BlockFollower(RpcPool(urls), db, {contract.address: contract.abi}, **options)


def poll(follower: BlockFollower, db: Database) -> list[Step]:
    with db.session() as session:
        return follower.poll(session)


def drain(follower: BlockFollower, db: Database) -> list[Step]:
    steps: list[Step] = []
    while found := poll(follower, db):
        steps += found
    return steps


def ids(steps: list[Step]) -> list[bytes]:
    return [
        event.args["id"] for step in steps if isinstance(step, Forward) for event in step.events
    ]


def touch(chain: Devnet, contract: Contract, number: int) -> None:
    account = chain.accounts[0].address
    sent = contract.functions.touch(number.to_bytes(32, "big")).transact({"from": account})
    contract.w3.eth.wait_for_transaction_receipt(sent)


def job(number: int) -> bytes:
    return number.to_bytes(32, "big")


def stored(db: Database) -> list[bytes]:
    with db.read() as session:
        rows = session.scalars(select(EventRow).order_by(EventRow.block_number, EventRow.log_index))
        return [row.args["id"] for row in rows]


def cursor(db: Database) -> int:
    with db.read() as session:
        return session.get_one(CursorRow, 1).number


def test_events_arrive_decoded_and_in_order(
    devnet: Devnet, counter: Contract, db: Database
) -> None:
    follower = follow(db, [devnet.url], counter)
    for number in range(3):
        touch(devnet, counter, number)
    steps = drain(follower, db)
    assert ids(steps) == [job(0), job(1), job(2)] == stored(db)
    event = next(e for step in steps if isinstance(step, Forward) for e in step.events)
    assert event.name == "Touched"
    assert event.address == counter.address
    assert event.args == {
        "who": devnet.accounts[0].address,
        "id": job(0),
        "pair": {"size": 2**200, "tag": job(0)},
        "note": b"note",
    }
    assert poll(follower, db) == []


def test_what_was_not_committed_is_handed_out_again(
    embedded: Devnet, counter_code: dict[str, Any], db: Database
) -> None:
    counter = deploy(embedded, counter_code)
    follower = follow(db, [embedded.url], counter)
    touch(embedded, counter, 1)
    with pytest.raises(RuntimeError, match="crash"):
        crash_in_poll(follower, db)
    assert stored(db) == []
    assert ids(drain(follower, db)) == [job(1)]
    assert ids(drain(follower, db)) == []


def crash_in_poll(follower: BlockFollower, db: Database) -> None:
    with db.session() as session:
        assert follower.poll(session)
        session.flush()
        raise RuntimeError("crash")


def test_two_polls_need_two_commits(
    embedded: Devnet, counter_code: dict[str, Any], db: Database
) -> None:
    follower = follow(db, [embedded.url], deploy(embedded, counter_code))
    with db.session() as session:
        follower.poll(session)
        with pytest.raises(ValueError, match="committed"):
            follower.poll(session)


def test_confirmations_hold_blocks_back(
    embedded: Devnet, counter_code: dict[str, Any], db: Database
) -> None:
    counter = deploy(embedded, counter_code)
    follower = follow(db, [embedded.url], counter, confirmations=2)
    touch(embedded, counter, 1)
    assert ids(drain(follower, db)) == []
    embedded.mine(2)
    assert ids(drain(follower, db)) == [job(1)]


def test_old_headers_go_and_checkpoints_stay(
    embedded: Devnet, counter_code: dict[str, Any], db: Database
) -> None:
    follower = follow(db, [embedded.url], deploy(embedded, counter_code), keep=5)
    for _ in range(20):
        embedded.mine()
        poll(follower, db)
    with db.read() as session:
        numbers = list(session.scalars(select(BlockRow.number).order_by(BlockRow.number)))
    head = cursor(db)
    assert [n for n in numbers if n > head - 5] == list(range(head - 4, head + 1))
    assert [n for n in numbers if n <= head - 5] == [n for n in range(head - 4) if n % 5 == 0]


def test_catching_up_adapts_its_ranges_to_the_node(
    embedded: Devnet, counter_code: dict[str, Any], db: Database, make_proxy: Start
) -> None:
    """The node refuses more than 7 blocks in one request."""
    counter = deploy(embedded, counter_code)
    for number in range(10):
        touch(embedded, counter, number)
        embedded.mine(5)
    proxy = make_proxy(embedded.url)
    proxy.rewrite = refuse_ranges_over(7)
    follower = follow(db, [proxy.url], counter, keep=4)
    steps = drain(follower, db)
    assert ids(steps) == [job(number) for number in range(10)] == stored(db)
    assert cursor(db) == embedded_height(embedded)


def test_a_node_that_lists_no_logs_at_all_is_a_clear_error(
    embedded: Devnet, counter_code: dict[str, Any], db: Database, make_proxy: Start
) -> None:
    counter = deploy(embedded, counter_code)
    touch(embedded, counter, 1)
    proxy = make_proxy(embedded.url)
    proxy.rewrite = refuse_ranges_over(-1)
    near = follow(db, [proxy.url], counter)
    with pytest.raises(LogRangeRefusedError):
        drain(near, db)
    embedded.mine(9)
    far = follow(db, [proxy.url], counter, keep=2)
    with pytest.raises(LogRangeRefusedError):
        drain(far, db)


def test_a_node_without_logs_by_hash_is_asked_by_number(
    embedded: Devnet, counter_code: dict[str, Any], db: Database, make_proxy: Start
) -> None:
    counter = deploy(embedded, counter_code)
    touch(embedded, counter, 1)
    proxy = make_proxy(embedded.url)
    proxy.rewrite = refuse_logs(lambda query: "blockHash" in query)
    assert ids(drain(follow(db, [proxy.url], counter), db)) == [job(1)]


@pytest.mark.anvil
@pytest.mark.parametrize("confirmations", [0, 1])
def test_a_reorg_rolls_back_and_goes_forward(
    anvil: Devnet, anvil_counter: Contract, db: Database, confirmations: int
) -> None:
    follower = follow(db, [anvil.url], anvil_counter, confirmations=confirmations)
    for number in (1, 2, 3):
        touch(anvil, anvil_counter, number)
    anvil.mine(confirmations)
    assert ids(drain(follower, db)) == [job(1), job(2), job(3)]
    anvil.rpc("anvil_reorg", 2 + confirmations, [])
    touch(anvil, anvil_counter, 4)
    anvil.mine(confirmations)
    steps = drain(follower, db)
    rollback = steps[0]
    assert isinstance(rollback, Rollback)
    assert [event.args["id"] for event in rollback.removed] == [job(3), job(2)]
    assert ids(steps) == [job(4)]
    assert stored(db) == [job(1), job(4)]


@pytest.mark.anvil
def test_a_reorg_deeper_than_kept_headers_stops_until_resync(
    anvil: Devnet, anvil_counter: Contract, db: Database
) -> None:
    follower = follow(db, [anvil.url], anvil_counter, keep=4)
    for number in range(12):
        touch(anvil, anvil_counter, number)
        poll(follower, db)
    drain(follower, db)
    anvil.rpc("anvil_reorg", 7, [])
    for _ in range(2):
        with pytest.raises(DeepReorgError) as error:
            poll(follower, db)
    assert error.value.code == "MN-CHAIN-004"
    assert len(stored(db)) == 12
    with db.session() as session:
        rollback = follower.resync(session)
    assert rollback.to_block == error.value.ancestor
    drain(follower, db)
    assert stored(db) == [job(number) for number in range(5)]
    assert cursor(db) == embedded_height(anvil)


@pytest.mark.anvil
def test_a_reorg_of_all_that_was_followed_starts_over(
    anvil: Devnet, anvil_counter: Contract, db: Database
) -> None:
    start = embedded_height(anvil) + 1
    follower = follow(db, [anvil.url], anvil_counter, start_block=start)
    touch(anvil, anvil_counter, 1)
    drain(follower, db)
    anvil.rpc("anvil_reorg", 1, [])
    steps = drain(follower, db)
    assert isinstance(steps[0], Rollback)
    assert steps[0].to_block == start - 1
    assert stored(db) == []


def test_a_node_that_is_merely_behind_causes_no_rollback(
    embedded: Devnet, counter_code: dict[str, Any], db: Database, make_proxy: Start
) -> None:
    counter = deploy(embedded, counter_code)
    proxy = make_proxy(embedded.url)
    follower = follow(db, [proxy.url], counter)
    touch(embedded, counter, 1)
    past = embedded.rpc("eth_getBlockByNumber", "latest", False)
    touch(embedded, counter, 2)
    assert ids(drain(follower, db)) == [job(1), job(2)]
    proxy.rewrite = end_at(past)
    assert poll(follower, db) == []
    proxy.rewrite = lambda request, answer: answer
    touch(embedded, counter, 3)
    assert ids(drain(follower, db)) == [job(3)]


def test_omitted_logs_are_found_out(
    embedded: Devnet, counter_code: dict[str, Any], db: Database, make_proxy: Start
) -> None:
    counter = deploy(embedded, counter_code)
    touch(embedded, counter, 1)
    liar = make_proxy(embedded.url)
    liar.rewrite = no_logs
    follower = follow(db, [liar.url, embedded.url], counter)
    assert ids(drain(follower, db)) == [job(1)]
    assert follower_states(follower) == ["quarantined (lie)", "ok"]


def test_logs_omitted_from_a_range_are_found_out(
    embedded: Devnet, counter_code: dict[str, Any], db: Database, make_proxy: Start
) -> None:
    counter = deploy(embedded, counter_code)
    touch(embedded, counter, 1)
    embedded.mine(20)
    liar = make_proxy(embedded.url)
    liar.rewrite = no_logs
    follower = follow(db, [liar.url, embedded.url], counter, keep=4)
    assert ids(drain(follower, db)) == [job(1)]
    assert follower_states(follower) == ["quarantined (lie)", "ok"]


def test_invented_logs_are_found_out(
    embedded: Devnet, counter_code: dict[str, Any], db: Database, make_proxy: Start
) -> None:
    counter = deploy(embedded, counter_code)
    touch(embedded, counter, 1)
    liar = make_proxy(embedded.url)
    liar.rewrite = other_ids
    follower = follow(db, [liar.url, embedded.url], counter)
    assert ids(drain(follower, db)) == [job(1)]
    assert follower_states(follower) == ["quarantined (lie)", "ok"]


def test_logs_that_differ_undecidably_stop_the_follower(
    embedded: Devnet, counter_code: dict[str, Any], db: Database, make_proxy: Start
) -> None:
    counter = deploy(embedded, counter_code)
    touch(embedded, counter, 1)
    liar = make_proxy(embedded.url)
    liar.rewrite = other_data
    follower = follow(db, [liar.url, embedded.url], counter)
    with pytest.raises(EndpointsDisagreeError):
        drain(follower, db)
    assert stored(db) == []


@pytest.mark.anvil
def test_a_rewritten_confirmed_block_is_a_lie_while_another_endpoint_holds_ours(
    anvil: Devnet, anvil_counter: Contract, db: Database, make_proxy: Start
) -> None:
    """The first endpoint moves to a real fork, with headers that verify; the second does not."""
    switch = make_proxy(anvil.url)
    follower = follow(db, [switch.url, anvil.url], anvil_counter, confirmations=2)
    touch(anvil, anvil_counter, 1)
    anvil.mine(2)
    assert ids(drain(follower, db)) == [job(1)]
    with start_devnet("anvil") as fork:
        fork.mine(embedded_height(anvil))
        switch.target = fork.url
        assert drain(follower, db) == []
    assert follower_states(follower) == ["quarantined (lie)", "ok"]
    assert stored(db) == [job(1)]
    anvil.mine(2)
    assert drain(follower, db)


@pytest.mark.anvil
def test_a_block_that_does_not_follow_its_parent_is_a_lie(
    anvil: Devnet, anvil_counter: Contract, db: Database, make_proxy: Start
) -> None:
    """Each header verifies, but the newest is of another chain."""
    liar = make_proxy(anvil.url)
    follower = follow(db, [liar.url, anvil.url], anvil_counter)
    drain(follower, db)
    touch(anvil, anvil_counter, 1)
    head = hex(embedded_height(anvil))
    with start_devnet("anvil") as fork:
        fork.mine(int(head, 16))
        liar.rewrite = block_from(fork, head)
        assert drain(follower, db) == []
    assert follower_states(follower) == ["quarantined (lie)", "ok"]
    assert ids(drain(follower, db)) == [job(1)]


@pytest.mark.anvil
def test_the_database_of_a_chain_that_began_anew_is_refused(
    anvil: Devnet, anvil_counter: Contract, db: Database
) -> None:
    drain(follow(db, [anvil.url], anvil_counter), db)
    with start_devnet("anvil") as another, pytest.raises(WrongDatabaseError):
        poll(follow(db, [another.url], anvil_counter), db)


def test_an_event_that_does_not_fit_its_abi_is_a_clear_error(
    embedded: Devnet, counter_code: dict[str, Any], db: Database
) -> None:
    counter = deploy(embedded, counter_code)
    touch(embedded, counter, 1)
    abi = [dict(entry) for entry in counter.abi]
    for entry in abi:
        if entry.get("type") == "event":
            entry["inputs"] = [{**i, "indexed": False} for i in entry["inputs"]]
    follower = BlockFollower(RpcPool([embedded.url]), db, {counter.address: abi})
    with pytest.raises(EventUndecodableError):
        drain(follower, db)


def test_a_hint_ends_the_wait(embedded: Devnet, tmp_path: Path, db: Database) -> None:
    follower = BlockFollower(RpcPool([embedded.url]), db, {})
    threading.Timer(0.05, follower.wake.set).start()
    began = time.monotonic()
    follower.wait(30)
    assert time.monotonic() - began < 10


def follower_states(follower: BlockFollower) -> list[str]:
    return [row.state for row in follower._pool.health()]


def embedded_height(chain: Devnet) -> int:
    return int(chain.rpc("eth_blockNumber"), 16)


def refuse_logs(when: Callable[[dict[str, Any]], bool]) -> Rewrite:
    def rewrite(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        if request["method"] != "eth_getLogs" or not when(request["params"][0]):
            return answer
        error = {"code": -32005, "message": "query returned more than 10000 results"}
        return {"jsonrpc": "2.0", "id": request["id"], "error": error}

    return rewrite


def refuse_ranges_over(limit: int) -> Rewrite:
    def too_large(query: dict[str, Any]) -> bool:
        if "blockHash" in query:
            return limit < 0
        return int(query["toBlock"], 16) - int(query["fromBlock"], 16) + 1 > limit

    return refuse_logs(too_large)


def end_at(block: dict[str, Any]) -> Rewrite:
    def rewrite(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        result = answer.get("result")
        later = isinstance(result, dict) and int(result["number"], 16) > int(block["number"], 16)
        if not later:
            return answer
        return {**answer, "result": block if request["params"][0] == "latest" else None}

    return rewrite


def no_logs(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "result": []} if request["method"] == "eth_getLogs" else answer


def other_ids(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    if request["method"] != "eth_getLogs":
        return answer
    changed = [
        {**log, "topics": [*log["topics"][:-1], "0x" + "99" * 32]} for log in answer["result"]
    ]
    return {**answer, "result": changed}


def other_data(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    if request["method"] != "eth_getLogs":
        return answer
    changed = [{**log, "data": log["data"][:-2] + "01"} for log in answer["result"]]
    return {**answer, "result": changed}


def block_from(fork: Devnet, number: str) -> Rewrite:
    theirs = fork.rpc("eth_getBlockByNumber", number, False)

    def rewrite(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        result = answer.get("result")
        if isinstance(result, dict) and result.get("number") == number:
            return {**answer, "result": theirs}
        return answer

    return rewrite
