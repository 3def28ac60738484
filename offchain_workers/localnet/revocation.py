# SPDX-License-Identifier: Apache-2.0
"""The second act of the teeml demo: a platform is revoked, and its enclave's word is worth nothing.

The enclave itself does not know and signs on: what protects is the chain, whoever carries what.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import JobStatus, JobTerms
from offchain_workers.chain.errors import CallRevertedError
from offchain_workers.chain.wallet import Wallet
from offchain_workers.localnet.demo import JOB_SECONDS, PAUSE_SECONDS
from offchain_workers.localnet.teeml import Key, TeemlMarket
from offchain_workers.requester.errors import JobUnfinishedError
from offchain_workers.requester.posting import Wish
from verifiers.teeml.enclave.client import EnclaveClient
from verifiers.teeml.onchain import authority_id
from verifiers.teeml.simulated import Platform
from verifiers.teeml.simulated.collateral import MONTH

KEEPER = "keeper"
# How long the revoked worker has the next job to itself.
TURN_SECONDS = 5


@dataclass
class Revocation:
    """What happened. ``refused``: the contract's words to the delivery; ``invalidated``: who wrote
    the key's end down, and the reason's number; ``answered_by``: who got the job then."""

    worker: str
    key: str
    platform: bytes
    refused: str = ""
    invalidated: dict[str, Any] = field(default_factory=dict)
    answered_by: str = ""
    gas: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        others = self.answered_by not in ("", self.worker)
        return bool(self.refused) and bool(self.invalidated) and others


def revoke(market: TeemlMarket) -> Revocation:
    """Post a job to the doomed worker, revoke its platform's certificate, and see.

    Raises JobUnfinishedError when nobody else answers in time.
    """
    net, doomed = market.net, market.doomed
    key = market.key(doomed.name)
    net.fund([KEEPER])
    keeper = net.wallet(KEEPER)
    found = Revocation(doomed.name, key.address, key.platform)
    worker = next(one for one in net.workers if one.plan.name == doomed.name)
    worker.stop()  # it would see the revocation, and not even try
    market.say(f"revoking the platform of {doomed.name}")
    found.gas["revoke"] = _publish_list(market, keeper)
    _invalidate(market, keeper, key, found)
    terms, item = _post(market, key)
    delivery = _signed(market, key, terms, item)
    market.say("a keeper carries what the revoked enclave signed to the chain")
    try:
        keeper.send(delivery)
    except CallRevertedError as error:
        found.refused = error.message
    market.say("waiting for another member to answer")
    found.answered_by = _await_other(market, terms)
    return found


def _publish_list(market: TeemlMarket, keeper: Wallet) -> int:
    """A newer revocation list with the platform's certificate on it, as its issuer would sign it;
    gas used."""
    net = market.net
    net.devnet.mine()
    now = int(net.pool.w3.eth.get_block("latest")["timestamp"])
    platform = Platform(label=market.doomed.name)
    listed = platform.authority.crl(
        platform.ca, now, now + MONTH, [platform.pck.serial_number], number=2
    )
    issuer, der = authority_id(platform.ca_certificate), listed.public_bytes(Encoding.DER)
    collateral = market.verifier.collateral()
    return int(keeper.send(collateral.call("update_crl", issuer, der))["gasUsed"])


def _post(market: TeemlMarket, key: Key) -> tuple[JobTerms, bytes]:
    """A job, best effort, whose first turn is the revoked worker's."""
    posting, requester = market.posting, market.net.wallet("requester")
    item = market.model.samples[0][1]
    primary = next(one.index for one in posting.members if one.operator == key.operator)
    prepared = posting.prepare(
        requester.address, [item], Wish(accepted=False, turn_length=TURN_SECONDS)
    )
    terms = prepared.terms.with_primary(primary)
    place = market.net.network.marketplace
    requester.send(place.post(terms, prepared.data, None, place.value_due(terms)))
    return terms, item


def _signed(market: TeemlMarket, key: Key, terms: JobTerms, item: bytes) -> Call:
    client = EnclaveClient(market.enclave.path)
    domain = market.net.network.marketplace.domain
    try:
        answer = client.answer(key.address, domain, terms, item)
    finally:
        client.close()
    return market.verifier.deliver(terms, key.address, answer.output, answer.signature)


def _invalidate(market: TeemlMarket, keeper: Wallet, key: Key, found: Revocation) -> None:
    policy_id, verifier = market.policy.policy_id, market.verifier
    receipt = keeper.send(verifier.invalidate(policy_id, key.address))
    found.gas["invalidate"] = int(receipt["gasUsed"])
    reason = verifier.key_of(policy_id, key.address).reason
    if reason and not verifier.is_live(policy_id, key.address):
        found.invalidated = {"by": keeper.address, "reason": reason}


def _await_other(market: TeemlMarket, terms: JobTerms) -> str:
    net = market.net
    names = {worker.address: worker.plan.name for worker in net.workers}
    job_id = terms.job_id(net.network.marketplace.domain)
    deadline = time.monotonic() + JOB_SECONDS
    while time.monotonic() < deadline:
        job = net.network.marketplace.job(job_id)
        if job.status is JobStatus.PAID:
            return names.get(job.operator or "", "")
        time.sleep(PAUSE_SECONDS)
        net.devnet.mine()
    raise JobUnfinishedError("nobody else answered the revoked worker's job in time")
