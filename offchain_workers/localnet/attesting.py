# SPDX-License-Identifier: Apache-2.0
"""Somebody with stake and without offers, who vouches for models."""

from __future__ import annotations

from offchain_workers.localnet.net import Localnet

ATTESTER = "attester"


def attest(net: Localnet, model_id: bytes) -> None:
    """So that a worker's own tests decide what is served.

    Of a dishonest publisher's model the attester lies: nothing keeps it from that.
    """
    net.fund([ATTESTER])
    wallet, models, subnets = net.wallet(ATTESTER), net.network.models, net.network.subnets
    if subnets.operator(wallet.address) is None:
        wallet.send(subnets.register(bytes(32), "http://127.0.0.1:9", models.attest_stake))
    if not models.attested_at(model_id, wallet.address):
        wallet.send(models.attest(model_id))
