# SPDX-License-Identifier: Apache-2.0
"""Run one job again, for whoever wants to see what is right."""

from __future__ import annotations

from offchain_workers.chain.contracts import Network
from offchain_workers.chain.contracts.base import ZERO_ADDRESS
from offchain_workers.chain.contracts.opml import OpmlVerifier
from offchain_workers.chain.past import Past
from offchain_workers.challenger.docket import Claimed
from offchain_workers.challenger.errors import GameUnknownError
from offchain_workers.challenger.jobs import Jobs
from offchain_workers.challenger.library import published
from offchain_workers.challenger.story import Own
from offchain_workers.config import Settings
from offchain_workers.daemon.inputs import Inputs
from offchain_workers.models.catalog import Catalog
from offchain_workers.storage import HttpStore, LocalStore, MultiStore
from verifiers.opml.files import Files
from verifiers.opml.method import OpmlMethod
from verifiers.opml.play_errors import NotListedError


def rerun(settings: Settings, network: Network, job_id: bytes) -> Own:
    """By the reference, without a self-test. Raises FusionError."""
    storage = settings.storage
    local = LocalStore(storage.folder)
    peers = [HttpStore(url, allow_private=storage.allow_private) for url in storage.peers]
    try:
        jobs = Jobs(network, Inputs(local, peers, storage.allow_private), OpmlMethod())
        terms = jobs.terms(job_id)
        files = Catalog((), MultiStore(local, peers), storage.allow_private)
        model = published(network, terms.model_id)
        card = files.card(model)
        bundle = Files(card, terms.artifact_id, lambda cid, most: files.blob(model, cid, most))
        needs_claim = terms.callback_target != ZERO_ADDRESS
        claim = _claimed(network, job_id) if needs_claim else Claimed(job_id, 0, "", 0, b"")
        return Own(bundle.program().execution(jobs.given(claim, card)), bundle.names())
    finally:
        for peer in peers:
            peer.close()


def _claimed(network: Network, job_id: bytes) -> Claimed:
    """The last claim about a job, which carries the input when there is a callback."""
    verifier = OpmlVerifier.of(network)
    if verifier is None:
        raise NotListedError("the market does not list method opml")
    past = Past(verifier, network.start_block)
    for event in past.newest_first(("Claimed",), job_id, verifier.w3.eth.block_number):
        return Claimed.of(event)
    raise GameUnknownError(f"nobody claimed job 0x{job_id.hex()}")
