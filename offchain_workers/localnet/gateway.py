# SPDX-License-Identifier: Apache-2.0
"""A gateway as a process of its own, with money in the market."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from offchain_workers.localnet.daemon import Daemon, configure
from offchain_workers.localnet.net import Localnet

ETHER = 10**18


def start_gateway(
    net: Localnet,
    name: str = "gateway",
    deposit: int = ETHER,
    own: Mapping[str, Any] | None = None,
) -> Daemon:
    """Deposit what is missing to ``deposit`` wei and start it; it is not ready yet. ``own``:
    settings of its section."""
    net.fund([name])
    wallet, market = net.wallet(name), net.network.marketplace
    missing = deposit - market.balance(wallet.address)
    if missing > 0:
        wallet.send(market.deposit(missing))
    home, port = net.layout.worker(name), net.port(name)
    endpoint = f"http://127.0.0.1:{port}"
    section = {
        "listen_port": port,
        "public_url": endpoint,
        "database": f"sqlite:///{home / 'gateway.db'}",
        "keys_file": str(home / "keys.json"),
        **(own or {}),
    }
    config = configure(net.layout, home, name, [net.devnet.url], {"gateway": section})
    log = home / "gateway.log"
    return Daemon(name, wallet.address, endpoint, config, log, ["gateway"])
