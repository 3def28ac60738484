# SPDX-License-Identifier: Apache-2.0
"""Bad days, every role a process of its own: kills, reorgs, endpoints that stall or lie."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from offchain_workers.chain.contracts.marketplace import JobStatus
from offchain_workers.localnet import Localnet
from offchain_workers.requester.posting import Prepared, Wish
from tests.chain.world import Proxy
from tests.e2e.market import Requester

pytestmark = pytest.mark.anvil


@contextmanager
def market(folder: Path, **options: Any) -> Iterator[Localnet]:
    with Localnet(folder / "market", kind="anvil", **options) as net:
        yield net


def post_without_automine(requester: Requester, prepared: Prepared) -> None:
    """The post is mined alone; whatever follows stays in the mempool."""
    devnet = requester.net.devnet
    devnet.rpc("evm_setAutomine", False)
    sending = threading.Thread(target=requester.wallet.send, args=(prepared.call,))
    sending.start()
    requester.wait_until(lambda: bool(mempool(requester, requester.wallet.address)), mine=False)
    devnet.mine()
    sending.join(timeout=30)
    assert requester.job(prepared).status is JobStatus.OPEN


def mempool(requester: Requester, sender: str) -> list[str]:
    """Hashes of the sender's unmined transactions."""
    content = requester.net.devnet.rpc("txpool_content")["pending"]
    mine = {address.lower(): txs for address, txs in content.items()}.get(sender.lower(), {})
    return [tx["hash"] for tx in mine.values()]


def test_the_backup_rescues_a_job_whose_primary_died_and_the_primary_is_slashed(
    tmp_path: Path,
) -> None:
    with market(tmp_path) as net:
        requester = Requester(net)
        prepared = requester.prepare(Wish(turn_length=3, deliver_within=300))
        assert prepared.acceptance is not None
        primary, pledge = requester.primary(prepared), prepared.acceptance.pledge
        subnets = net.network.subnets
        before = subnets.operator(primary.address)
        assert before is not None

        post_without_automine(requester, prepared)
        requester.wait_until(lambda: bool(mempool(requester, primary.address)), mine=False)
        primary.kill()  # it ran the model and sent its delivery, which nobody mined
        for tx_hash in mempool(requester, primary.address):
            net.devnet.rpc("anvil_dropTransaction", tx_hash)
        net.devnet.rpc("evm_setAutomine", True)

        job = requester.await_paid(prepared)
        assert job.operator not in (None, primary.address)
        after = subnets.operator(primary.address)
        assert after is not None
        assert before.stake - after.stake == pledge
        assert after.reserved == 0
        assert subnets.credit(job.operator or "") >= pledge // 2

        primary.restart()
        net.devnet.mine(3)
        requester.wait_until(lambda: not mempool(requester, primary.address), mine=False)
        assert requester.deliveries(prepared) == 1
        assert requester.history(prepared).answers(net.models["digits"][1].card)


def test_a_delivery_that_a_reorg_dropped_is_delivered_again_once(tmp_path: Path) -> None:
    with market(tmp_path) as net:
        requester = Requester(net)
        prepared = requester.prepare(Wish(turn_length=60, deliver_within=600))
        requester.wallet.send(prepared.call)
        requester.wait_until(lambda: requester.job(prepared).status is JobStatus.PAID, mine=False)
        delivered = requester.history(prepared).events[-1]
        depth = net.pool.w3.eth.block_number - delivered.block_number + 1
        # Or it is delivered again before we look.
        net.devnet.rpc("evm_setAutomine", False)
        net.devnet.rpc("anvil_reorg", depth, [])
        assert requester.job(prepared).status is JobStatus.OPEN
        net.devnet.rpc("evm_setAutomine", True)

        job = requester.await_paid(prepared)
        assert job.operator == requester.primary(prepared).address
        net.devnet.mine(5)
        assert requester.deliveries(prepared) == 1


def stall(proxy: Proxy) -> None:
    proxy.stalled = True


def omit_logs(proxy: Proxy) -> None:
    def rewrite(request: dict[str, Any], answer: Any) -> Any:
        return {**answer, "result": []} if request["method"] == "eth_getLogs" else answer

    proxy.rewrite = rewrite


def boast(proxy: Proxy) -> None:
    """Claim a height that nobody has."""

    def rewrite(request: dict[str, Any], answer: Any) -> Any:
        if request["method"] != "eth_blockNumber":
            return answer
        return {**answer, "result": hex(int(answer["result"], 16) + 1000)}

    proxy.rewrite = rewrite


@pytest.mark.parametrize("misbehave", [stall, omit_logs, boast])
def test_work_goes_on_when_one_of_two_endpoints_misbehaves(
    tmp_path: Path,
    make_proxy: Callable[[str], Proxy],
    misbehave: Callable[[Proxy], None],
) -> None:
    proxies: list[Proxy] = []

    def urls(real: str) -> list[str]:
        if not proxies:
            proxies.append(make_proxy(real))
        return [proxies[0].url, real]

    with market(tmp_path, rpc_urls=urls) as net:
        requester = Requester(net)
        misbehave(proxies[0])
        prepared = requester.prepare(Wish(turn_length=20, deliver_within=600))
        requester.wallet.send(prepared.call)
        requester.await_paid(prepared)
        assert requester.deliveries(prepared) == 1
        proxies[0].release.set()


def test_a_market_stopped_in_the_middle_goes_on_where_it_ended(tmp_path: Path) -> None:
    with market(tmp_path) as net:
        requester = Requester(net)
        prepared = requester.prepare(Wish(turn_length=60, deliver_within=3600))
        post_without_automine(requester, prepared)
        for worker in net.workers:
            worker.kill()
    with market(tmp_path) as net:
        again = Requester(net)
        job = again.await_paid(prepared)
        assert job.operator == requester.primary(prepared).address
        assert again.deliveries(prepared) == 1
