# SPDX-License-Identifier: Apache-2.0
"""A watcher as a process of its own."""

from __future__ import annotations

from offchain_workers.localnet.daemon import Daemon, configure
from offchain_workers.localnet.net import Localnet

WATCHER = "watcher"
# Most that it may bond: games of a demo, not of a market.
BUDGET = "1 ether"


def start_watcher(net: Localnet) -> Daemon:
    """Fund it and start it; it is not ready yet."""
    net.fund([WATCHER])
    home, port = net.layout.folder / WATCHER, net.port(WATCHER)
    own = {
        "watch": {
            "listen_port": port,
            "database": f"sqlite:///{home / 'watch.db'}",
            "window_margin_seconds": 5,
            "budget_wei": BUDGET,
            "sweep_seconds": 1,
            "withdraw_above_wei": 0,
        }
    }
    config = configure(net.layout, home, WATCHER, [net.devnet.url], own)
    endpoint, log = f"http://127.0.0.1:{port}", home / "watch.log"
    address = net.account(WATCHER).address
    return Daemon(WATCHER, address, endpoint, config, log, ("watch", "--json"))
