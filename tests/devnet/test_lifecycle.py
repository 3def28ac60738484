# SPDX-License-Identifier: Apache-2.0
"""Starting, stopping, keeping and losing a development chain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from offchain_workers.devnet import start_devnet
from offchain_workers.devnet.node import Node
from offchain_workers.errors import FusionError
from tests.devnet.probe import Chain

KINDS = ["embedded", pytest.param("anvil", marks=pytest.mark.anvil)]


def head(chain: Chain) -> Any:
    block = chain.w3.eth.get_block("latest")
    return block["number"], block["hash"], block["stateRoot"], block["timestamp"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_kept_chain_goes_on_where_it_ended(
    kind: Any, tmp_path: Path, compiled_probe: dict[str, Any]
) -> None:
    with start_devnet(kind, state=tmp_path) as devnet:
        chain = Chain(devnet, compiled_probe)
        chain.send(chain.probe.functions.note(3, 2))
        devnet.increase_time(500)
        before, probe = head(chain), chain.probe.address
    with start_devnet("auto", state=tmp_path) as devnet:
        assert devnet.kind == kind
        again = Chain.__new__(Chain)
        again.__dict__ |= chain.__dict__ | {"devnet": devnet}
        again.w3 = type(chain.w3)(type(chain.w3).HTTPProvider(devnet.url))
        again.probe = again.w3.eth.contract(probe, abi=compiled_probe["abi"])
        assert head(again) == before
        assert again.probe.functions.counter().call() == 1
        logs = again.probe.events.Noted.get_logs(from_block=0)
        assert [log["args"]["what"] for log in logs] == [3, 3]
        assert again.send(again.probe.functions.note(4, 0))["status"] == 1


def test_a_killed_embedded_chain_has_lost_nothing_it_told(
    tmp_path: Path, compiled_probe: dict[str, Any]
) -> None:
    devnet = start_devnet("embedded", state=tmp_path)
    chain = Chain(devnet, compiled_probe)
    chain.devnet.rpc("anvil_setBalance", "0x" + "11" * 20, hex(77))
    snapshot = devnet.rpc("evm_snapshot")
    chain.send(chain.probe.functions.note(1, 1))
    devnet.rpc("evm_revert", snapshot)
    chain.send(chain.probe.functions.note(2, 1))
    told = head(chain)
    devnet.process.kill()
    devnet.process.wait()
    file = tmp_path / "embedded.jsonl"
    with file.open("a") as journal:
        journal.write('{"number": 9, "hash": "torn')  # died in the middle of the next line
    node = Node(file)
    header = node.ledger.head.header
    assert (header.block_number, header.hash, header.state_root, header.timestamp) == told
    assert node.head_state().get_balance(b"\x11" * 20) == 77


def test_a_revert_is_kept(tmp_path: Path) -> None:
    node = Node(tmp_path / "chain")
    node.mine()
    snapshot = node.snapshot()
    node.mine()
    node.revert(snapshot)
    assert Node(tmp_path / "chain").ledger.height == 1


@pytest.mark.parametrize("content", ["junk\n", '{"format":1}\n', "[]\n"])
def test_a_file_that_is_no_journal_is_named_and_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / "embedded.jsonl").write_text(content)
    with pytest.raises(FusionError, match="MN-DEV-004") as caught:
        start_devnet("embedded", state=tmp_path)
    assert caught.value.code == "MN-DEV-002"
    assert (tmp_path / "embedded.jsonl").read_text() == content


def test_a_taken_port_is_said(embedded: Any) -> None:
    port = int(embedded.url.rsplit(":", 1)[1])
    with pytest.raises(FusionError, match="MN-DEV-003"):
        start_devnet("embedded", port=port)


def test_no_anvil_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANVIL", str(tmp_path / "none"))
    with pytest.raises(FusionError, match="MN-DEV-001"):
        start_devnet("anvil")
    with start_devnet("auto") as devnet:
        assert devnet.kind == "embedded"


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_come_by_themselves_with_a_block_time(kind: Any) -> None:
    with start_devnet(kind, block_time=1) as devnet:
        deadline = time.monotonic() + 30
        while int(devnet.rpc("eth_blockNumber"), 16) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
@pytest.mark.parametrize("kind", KINDS)
def test_the_chain_ends_with_the_process_that_started_it(kind: str) -> None:
    script = (
        "from offchain_workers.devnet import start_devnet\n"
        f"chain = start_devnet({kind!r})\n"
        "print(chain.process.pid, flush=True)\n"
        "input()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 30
    while _runs(pid):
        assert time.monotonic() < deadline, f"process {pid} lives on"
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    """Whether it is there and no zombie: a container's first process may never reap it."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
