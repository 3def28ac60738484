# SPDX-License-Identifier: Apache-2.0
"""A role of a local market as a process of its own: `fusion` with a configuration of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from offchain_workers.devnet import process
from offchain_workers.errors import FusionError
from offchain_workers.localnet.layout import Layout, toml, write

READY_SECONDS = 180.0


@dataclass
class Daemon:
    """A running process; ``restart`` after a kill goes on from its database.

    ``command``: what follows `fusion`; ``endpoint``: where /health tells whether it is ready.
    """

    name: str
    address: str
    endpoint: str
    config: Path
    log: Path
    command: Sequence[str]
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.process = process.spawn(fusion(self.config, self.command), self.log)

    def await_ready(self) -> None:
        """Return once it works. Raises MN-DEV-010 with the end of its log."""
        deadline = time.monotonic() + READY_SECONDS
        with httpx.Client(trust_env=False, timeout=2.0) as client:
            while time.monotonic() < deadline and self.process.poll() is None:
                if self._ready(client):
                    return
                time.sleep(0.1)
        tail = " | ".join(self.log.read_text(errors="replace").splitlines()[-5:])
        raise FusionError("MN-DEV-010", f"{self.name} is not ready: {tail}")

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
        self.start()
        self.await_ready()

    def stop(self) -> None:
        process.stop(self.process)


def fusion(config: Path, command: Sequence[str]) -> list[str]:
    """The command line of `fusion`."""
    return [sys.executable, "-m", "offchain_workers.cli", "--config", str(config), *command]


def configure(
    layout: Layout,
    home: Path,
    keystore: str,
    rpc_urls: Sequence[str],
    more: Mapping[str, Mapping[str, Any]],
) -> Path:
    """Write the configuration of one account's process; ``more`` are its own sections."""
    sections: dict[str, Mapping[str, Any]] = {
        "chain": {
            "rpc_urls": list(rpc_urls),
            "deployment": str(layout.deployment),
            "poll_seconds": 0.1,
        },
        "account": {
            "folder": str(layout.keys),
            "keystore": keystore,
            "password_file": str(layout.password_file),
        },
        "storage": {"folder": str(home / "blobs"), "allow_private": True},
        "log": {"format": "json"},
    }
    config = home / "fusion.toml"
    write(config, toml({**sections, **more}))
    return config
