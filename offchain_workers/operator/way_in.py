# SPDX-License-Identifier: Apache-2.0
"""How others reach this worker: a socket that listens, or a relay that it dials."""

from __future__ import annotations

from eth_account.signers.local import LocalAccount
from fastapi import FastAPI

from offchain_workers.config import Settings, find_deployment
from offchain_workers.daemon.endpoint import Endpoint
from offchain_workers.errors import FusionError
from offchain_workers.relay.auth import Place
from offchain_workers.relay.dial import RelayEndpoint, node_url


def way_in(app: FastAPI, settings: Settings, account: LocalAccount) -> Endpoint | RelayEndpoint:
    """With ``worker.relay`` no socket listens. Raises MN-CFG-011."""
    worker = settings.worker
    if worker.relay is None:
        return Endpoint(app, worker.listen_host, worker.listen_port)
    chain_id = find_deployment(settings).chain_id
    if chain_id is None:
        raise FusionError("MN-CFG-011", "a relay is for one chain: set chain.chain_id")
    return RelayEndpoint(app, Place(worker.relay, chain_id), account)


def reached_through_relay(settings: Settings, operator: str) -> Settings:
    """The settings, with the relay's URL for this operator where no other public one is set."""
    worker = settings.worker
    if worker.relay is None or worker.public_url is not None:
        return settings
    url = node_url(worker.relay, operator)
    return settings.model_copy(update={"worker": worker.model_copy(update={"public_url": url})})
