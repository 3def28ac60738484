# SPDX-License-Identifier: Apache-2.0
"""Keeps a live key of this machine's enclave registered under each policy that it serves."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import JobTerms, Network
from offchain_workers.chain.contracts.enclaves import Policy
from offchain_workers.storage import BlobStore
from verifiers.base import Step
from verifiers.errors import NotReadyError
from verifiers.teeml.chainside import Chainside
from verifiers.teeml.enclave.client import Attested, EnclaveClient
from verifiers.teeml.enclave.keys import Anchor, Purpose
from verifiers.teeml.errors import EnclaveGoneError
from verifiers.teeml.excuses import excuse
from verifiers.teeml.market import lives_until, policy_of, replaced_until
from verifiers.teeml.quote import Quote
from verifiers.teeml.sources import Source

log = structlog.get_logger(__name__)

# The contract looks 256 blocks back, on chains without longer memory.
_ANCHOR_BLOCKS = 128
# What the operator says of itself is nothing that the enclave could vouch for.
NO_MANIFEST = bytes(32)
# Of a key's life, what may be left when the next one is made.
_RENEW_SHARE = 4
# What TeemlVerifier says of a key that it has.
_REGISTERED = "already registered"
# And of a key that does not count for a job.
_REVOKED = "key revoked"
# After a refusal.
_REST_SECONDS = 60.0
# What a key on its way waits for.
_FIRST_LOOK, _COLLATERAL = "a first look at the chain", "collateral to be mined"
_REGISTRATION = "its registration to be mined"
_COMING = (_FIRST_LOOK, _COLLATERAL, _REGISTRATION)


@dataclass
class Standing:
    """Where registration under one policy stands. ``live``: keys by address and last second;
    ``replaced``: those whose places others have;
    ``pending``: a key that is not registered yet; ``refused``: what vouches for it was not taken;
    ``looked``: whether all that the enclave has were looked for on the chain; ``rests_until``: by
    the machine's own clock, after a refusal that may last."""

    policy: Policy
    live: dict[str, int] = field(default_factory=dict)
    replaced: dict[str, int] = field(default_factory=dict)
    pending: Attested | None = None
    refused: bool = False
    looked: bool = False
    rests_until: float = 0.0
    waits_for: str = _FIRST_LOOK


class Registrar:
    """One operator's, on one market. ``look`` is called by one thread, ``key`` by any.

    Nothing is kept but what the enclave's life depends on anyway: which of its keys are registered
    is read from the chain.
    """

    def __init__(
        self,
        network: Network,
        operator: str,
        enclave: EnclaveClient,
        source: Source,
        store: BlobStore,
    ) -> None:
        """``store``: where claims about GPUs are kept for whoever asks."""
        self._network = network
        self._operator = operator
        self._enclave = enclave
        self._chain = Chainside(network, operator, source)
        self._store = store
        self._verifier = self._chain.verifier
        self._standings: dict[bytes, Standing] = {}
        self._lock = threading.Lock()

    def key(self, policy_id: bytes) -> str:
        """The live key that lasts longest. Raises NotReadyError."""
        standing = self._standings.get(policy_id)
        if standing is None or not standing.live:
            why = standing.waits_for if standing else "its model is not admitted"
            raise NotReadyError(f"no key is registered under 0x{policy_id.hex()[:12]}: {why}")
        return max(standing.live, key=lambda one: standing.live[one])

    def signer(self, policy_id: bytes) -> str:
        """The key for a job that is posted: ``key``, else one that was replaced, which may sign
        what was promised before. Raises NotReadyError."""
        standing = self._standings.get(policy_id)
        if standing is None or standing.live or not standing.replaced:
            return self.key(policy_id)
        return max(standing.replaced, key=lambda one: standing.replaced[one])

    def check(self, policy_id: bytes, key: str, call: Call) -> None:
        """A delivery by ``signer``. Raises NotReadyError when that key counts no more for it."""
        is_live = key in self._standings[policy_id].live
        if not is_live and self._chain.refusal(call) == _REVOKED:
            raise NotReadyError("the enclave's key was revoked, or replaced before the post")

    def excuses(self, terms: JobTerms) -> Sequence[Call]:
        """What frees the operator of a job that no key of its enclave can sign, nor one on its way
        will. Raises FusionError."""
        standing = self._standings.get(terms.artifact_id)
        if standing is None or standing.live or standing.waits_for in _COMING:
            return ()
        found = excuse(self._network, self._chain, self._operator, terms)
        return () if found is None else (found,)

    def lasts_until(self, policy_id: bytes) -> int:
        """The last second of ``key``. Raises NotReadyError."""
        return self._standings[policy_id].live[self.key(policy_id)]

    def waits_for(self, policy_id: bytes) -> str:
        """What keeps a fresh key from being registered; empty when nothing does."""
        return self._standings[policy_id].waits_for

    def serve(self, policy_id: bytes) -> None:
        """From now on. Raises PolicyRefusedError for a policy that nobody created."""
        if policy_id not in self._standings:
            policy = policy_of(self._network, self._verifier, policy_id)
            with self._lock:
                self._standings = {**self._standings, policy_id: Standing(policy)}

    def look(self) -> Sequence[Step]:
        """What should go out now: collateral, registrations. Raises FusionError."""
        now = self._chain.now()
        known = self._known()
        return [
            step
            for policy_id, standing in self._standings.items()
            for step in self._due(policy_id, standing, known, now)
        ]

    def _known(self) -> list[str]:
        """The enclave's keys; a new enclave has none of the old one's."""
        try:
            return list(self._enclave.hello()["keys"])
        except EnclaveGoneError:
            for standing in self._standings.values():
                standing.live, standing.replaced, standing.pending = {}, {}, None
                standing.waits_for = "the enclave does not answer"
            raise

    def _due(
        self, policy_id: bytes, standing: Standing, known: Sequence[str], now: int
    ) -> Sequence[Step]:
        self._refresh(policy_id, standing, known)
        if time.monotonic() < standing.rests_until:
            return ()
        longest = max(standing.live.values(), default=0)
        if longest - now > standing.policy.key_ttl // _RENEW_SHARE:
            standing.waits_for = ""
            return ()
        return self._registration(policy_id, standing)

    def _refresh(self, policy_id: bytes, standing: Standing, known: Sequence[str]) -> None:
        pending = standing.pending
        asked = {*standing.live, *standing.replaced, *([pending.key] if pending else [])}
        if not standing.looked:  # an enclave that was there before us may have registered keys
            asked, standing.looked = set(known), True
        live, replaced = {}, {}
        for address in asked.intersection(known):
            if (until := lives_until(self._verifier, policy_id, address)) is not None:
                live[address] = until
            elif (until := replaced_until(self._verifier, policy_id, address)) is not None:
                replaced[address] = until
        for lost in set(standing.live) - set(live):
            log.warning("enclave key lost", key=lost, policy=f"0x{policy_id.hex()}")
        if pending is not None and (pending.key in live or pending.key not in known):
            standing.pending = None
        standing.live, standing.replaced = live, replaced

    def _registration(self, policy_id: bytes, standing: Standing) -> Sequence[Step]:
        """The registration itself when the chain would take it, else the collateral it lacks."""
        pending = self._attested(policy_id, standing)
        quote = Quote.parse(pending.quote)
        evidence = self._chain.evidence(standing.policy, quote)
        call = self._verifier.register(standing.policy, evidence, pending.binding)
        refused = self._chain.refusal(call)
        if refused is None:
            standing.waits_for = _REGISTRATION
            return [Step("register", call)]
        missing = self._chain.missing(quote)
        if missing:
            standing.waits_for = _COLLATERAL
            return missing
        # What was on its way may have been mined since the first question.
        refused = self._chain.refusal(call)
        if refused is None:
            return [Step("register", call)]
        self._rest(standing, refused)
        log.warning("enclave key refused", policy=f"0x{policy_id.hex()}", reason=refused)
        return ()

    def _rest(self, standing: Standing, refused: str) -> None:
        standing.waits_for, standing.rests_until = refused, time.monotonic() + _REST_SECONDS
        self._chain.forget()
        # Another quote next time, of the same key: an enclave keeps only so many.
        standing.refused = True
        if refused == _REGISTERED:  # mined since we looked; whether it lives still, the chain says
            standing.pending, standing.looked = None, False

    def _attested(self, policy_id: bytes, standing: Standing) -> Attested:
        """A key whose quote is fresh enough to be registered still."""
        w3 = self._network.marketplace.w3
        head = int(w3.eth.block_number)
        pending = standing.pending
        is_old = pending is None or head - pending.binding.anchor > _ANCHOR_BLOCKS
        if pending is None or is_old or standing.refused:
            again = pending.key if pending else ""
            block = w3.eth.get_block(max(0, head - 1))
            purpose = Purpose(self._verifier.domain(), policy_id, self._operator)
            anchor = Anchor(int(block["number"]), bytes(block["hash"]))
            pending = self._enclave.attest(purpose, NO_MANIFEST, anchor, again)
            if pending.gpu:
                self._store.put(pending.gpu)
            standing.pending, standing.refused = pending, False
        return pending
