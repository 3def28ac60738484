# SPDX-License-Identifier: Apache-2.0
"""A worker as a process of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from offchain_workers.localnet.daemon import Daemon, configure
from offchain_workers.localnet.layout import Layout
from offchain_workers.localnet.plan import WorkerPlan


@dataclass
class WorkerProcess(Daemon):
    """A running worker."""

    plan: WorkerPlan


def start_worker(
    layout: Layout,
    plan: WorkerPlan,
    address: str,
    rpc_urls: Sequence[str],
    port: int,
    command: Sequence[str] = ("worker",),
    more: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> WorkerProcess:
    """Write the worker's configuration, with ``more`` sections, and start it; it is not ready
    yet."""
    home = layout.worker(plan.name)
    endpoint = f"http://127.0.0.1:{port}"
    own: dict[str, Mapping[str, Any]] = {
        "worker": {
            "listen_port": port,
            "public_url": endpoint,
            "database": f"sqlite:///{home / 'worker.db'}",
            "min_turn_seconds": 1,
        },
        "engine": {"provider": "cpu", "threads": 1},
    }
    config = configure(layout, home, plan.name, rpc_urls, {**own, **more})
    log = home / "worker.log"
    return WorkerProcess(plan.name, address, endpoint, config, log, command, plan)
