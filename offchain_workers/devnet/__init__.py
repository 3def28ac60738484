# SPDX-License-Identifier: Apache-2.0
"""Development chains: anvil when it is here, else the chain in Python; the same JSON-RPC."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import httpx
from eth_account.signers.local import LocalAccount

from ..errors import FusionError
from . import process
from .accounts import CHAIN_ID, dev_accounts
from .anvil import anvil_command, find_anvil

Kind = Literal["auto", "embedded", "anvil"]
RPC_SECONDS = 120.0
STATE_FILES = {"anvil": "anvil.json", "embedded": "embedded.jsonl"}

__all__ = ["CHAIN_ID", "Devnet", "dev_accounts", "find_anvil", "require_py_evm", "start_devnet"]


@dataclass
class Devnet:
    """A running development chain; leaving the `with` block stops it."""

    url: str
    kind: str
    log: Path
    process: subprocess.Popen[bytes]
    chain_id: int = CHAIN_ID

    @property
    def accounts(self) -> list[LocalAccount]:
        """Ten accounts with 10,000 coins each; their keys are public."""
        return list(dev_accounts())

    def rpc(self, method: str, *params: Any) -> Any:
        """The result of a JSON-RPC call; an error answer raises FusionError MN-DEV-006."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        response = httpx.post(self.url, json=request, timeout=RPC_SECONDS, trust_env=False)
        answer = response.raise_for_status().json()
        if "error" in answer:
            raise FusionError("MN-DEV-006", f"{method}: {answer['error']['message']}")
        return answer["result"]

    def mine(self, blocks: int = 1) -> None:
        """Mine so many blocks now."""
        self.rpc("anvil_mine", hex(blocks))

    def increase_time(self, seconds: int) -> None:
        """Move the clock forward and mine a block that has the new time."""
        self.rpc("evm_increaseTime", seconds)
        self.mine()

    def mine_at(self, timestamp: int) -> None:
        """Mine a block of that time, later than the last one's; the clock goes on from there."""
        self.rpc("evm_setNextBlockTimestamp", timestamp)
        self.mine()

    def stop(self) -> None:
        """End the chain; its state, when kept, is on disk afterwards."""
        process.stop(self.process)

    def __enter__(self) -> Devnet:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start_devnet(
    kind: Kind = "auto",
    *,
    port: int | None = None,
    state: Path | None = None,
    block_time: int | None = None,
) -> Devnet:
    """Start a chain on 127.0.0.1 and wait until it answers.

    `state` is a folder where the chain is kept; a chain once begun there keeps its kind.
    `block_time` in seconds; without it every transaction is mined at once. Raises FusionError
    MN-DEV-*.
    """
    chosen = _choose(kind, state)
    chain_port = process.free_port(port)
    file = state / STATE_FILES[chosen] if state is not None else None
    log = _log_path(chosen, state)
    child = process.spawn(_command(chosen, chain_port, file, block_time), log)
    url = f"http://127.0.0.1:{chain_port}"
    process.await_rpc(child, url, log)
    return Devnet(url=url, kind=chosen, log=log, process=child)


def require_py_evm() -> None:
    """Raises FusionError MN-DEV-007 where the chain in Python can't run."""
    if find_spec("eth") is None:
        raise FusionError(
            "MN-DEV-007", "the chain in Python needs py-evm: pip install 'model-network[demo]'"
        )


def _choose(kind: Kind, state: Path | None) -> str:
    if kind != "auto":
        return kind
    begun = [name for name, file in STATE_FILES.items() if state and (state / file).exists()]
    if begun:
        return begun[0]
    return "anvil" if find_anvil() else "embedded"


def _log_path(kind: str, state: Path | None) -> Path:
    folder = state if state is not None else Path(tempfile.mkdtemp(prefix="fusion-devnet-"))
    return folder / f"{kind}.log"


def _command(kind: str, port: int, state: Path | None, block_time: int | None) -> list[str]:
    if kind == "anvil":
        binary = find_anvil()
        if binary is None:
            raise FusionError(
                "MN-DEV-001", "anvil was not found: run `make anvil`, or set ANVIL to the binary"
            )
        return anvil_command(binary, port, state, block_time)
    require_py_evm()
    command = [sys.executable, "-m", "offchain_workers.devnet.embedded", "--port", str(port)]
    if state is not None:
        command += ["--state", str(state)]
    if block_time is not None:
        command += ["--block-time", str(block_time)]
    return command
