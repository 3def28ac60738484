# SPDX-License-Identifier: Apache-2.0
"""What every role puts together from its settings in the same way."""

from __future__ import annotations

from offchain_workers.chain.contracts import Network
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.config import Deployment, Settings
from offchain_workers.storage import HttpStore, LocalStore

# Room that uploads, models and answers may never take from the disk.
_MIN_FREE_BYTES = 256 << 20


def network_of(pool: RpcPool, found: Deployment) -> Network:
    """The contracts of a deployment; asks the network nothing yet."""
    at = found.addresses
    return Network.at(pool.w3, at.marketplace, at.models, at.subnets, found.start_block)


def stores_of(settings: Settings) -> tuple[LocalStore, tuple[HttpStore, ...]]:
    """The folder of blobs, and the stores to read from what it lacks; whoever asks closes them."""
    storage = settings.storage
    peers = tuple(HttpStore(url, allow_private=storage.allow_private) for url in storage.peers)
    return LocalStore(storage.folder, _MIN_FREE_BYTES), peers
