# SPDX-License-Identifier: Apache-2.0
"""A worker as a process of its own: `fusion worker` with a configuration of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from offchain_workers.devnet import process
from offchain_workers.errors import FusionError
from offchain_workers.localnet.layout import Layout, toml, write
from offchain_workers.localnet.plan import WorkerPlan

READY_SECONDS = 90.0


@dataclass
class WorkerProcess:
    """A running worker; ``restart`` after a kill goes on from its database."""

    plan: WorkerPlan
    address: str
    endpoint: str
    config: Path
    log: Path
    process: subprocess.Popen[bytes]

    def await_ready(self) -> None:
        """Return once it takes jobs. Raises MN-DEV-010 with the end of its log."""
        deadline = time.monotonic() + READY_SECONDS
        with httpx.Client(trust_env=False, timeout=2.0) as client:
            while time.monotonic() < deadline and self.process.poll() is None:
                if self._ready(client):
                    return
                time.sleep(0.1)
        tail = " | ".join(self.log.read_text(errors="replace").splitlines()[-5:])
        raise FusionError("MN-DEV-010", f"worker {self.plan.name} is not ready: {tail}")

    def _ready(self, client: httpx.Client) -> bool:
        try:
            return bool(client.get(f"{self.endpoint}/health").json().get("ready"))
        except (httpx.HTTPError, ValueError):
            return False

    def kill(self) -> None:
        """As if the machine lost power."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        self.process = spawn(self.config, self.log)
        self.await_ready()

    def stop(self) -> None:
        process.stop(self.process)


def spawn(config: Path, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "offchain_workers.cli", "--config", str(config), "worker"]
    return process.spawn(command, log)


def start_worker(
    layout: Layout,
    plan: WorkerPlan,
    address: str,
    rpc_urls: Sequence[str],
    port: int,
    models: Sequence[bytes],
) -> WorkerProcess:
    """Write the worker's configuration and start it; it is not ready yet."""
    home = layout.worker(plan.name)
    endpoint = f"http://127.0.0.1:{port}"
    config = home / "fusion.toml"
    write(
        config,
        toml(
            {
                "chain": {
                    "rpc_urls": list(rpc_urls),
                    "deployment": str(layout.deployment),
                    "poll_seconds": 0.1,
                },
                "account": {
                    "folder": str(layout.keys),
                    "keystore": plan.name,
                    "password_file": str(layout.password_file),
                },
                "storage": {"folder": str(home / "blobs"), "allow_private": True},
                "worker": {
                    "listen_port": port,
                    "public_url": endpoint,
                    "database": f"sqlite:///{home / 'worker.db'}",
                    "models": [f"model:0x{model.hex()}" for model in models],
                    "min_turn_seconds": 1,
                },
                "engine": {"provider": "cpu", "threads": 1},
                "log": {"format": "json"},
            }
        ),
    )
    log = home / "worker.log"
    return WorkerProcess(plan, address, endpoint, config, log, spawn(config, log))
