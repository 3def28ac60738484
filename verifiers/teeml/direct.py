# SPDX-License-Identifier: Apache-2.0
"""Answers that are quoted one by one, by an operator that registers no key.

Dearer on the chain by a quote each; nothing of it lasts: no place on a platform, no key's life. A
private input has nothing to be sealed to, and a policy with a bond takes none of it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from offchain_workers.chain.contracts import JobTerms, Network
from offchain_workers.chain.contracts.enclaves import Binding, Policy
from offchain_workers.storage import BlobStore
from verifiers.base import Answered, Assignment, Step
from verifiers.errors import NotReadyError
from verifiers.teeml.chainside import Chainside
from verifiers.teeml.enclave.client import EnclaveClient
from verifiers.teeml.enclave.keys import Purpose
from verifiers.teeml.errors import PolicyRefusedError
from verifiers.teeml.market import policy_of
from verifiers.teeml.quote import Quote
from verifiers.teeml.sources import Source

log = structlog.get_logger(__name__)

# What TeemlVerifier says of a quote that the policy takes, but that is of something else.
_TAKEN = "report data"
_AGAIN_SECONDS = 60.0
# Any address: nobody's key is meant.
_NO_KEY = "0x" + "00" * 19 + "01"


@dataclass
class Standing:
    """``waits_for``: why a quote would be refused, empty when it would not."""

    policy: Policy
    waits_for: str = "a first look at the chain"
    look_at: float = 0.0


class Direct:
    """One operator's quotes on one market. ``look`` is called by one thread, the rest by any."""

    def __init__(
        self,
        network: Network,
        operator: str,
        enclave: EnclaveClient,
        source: Source,
        store: BlobStore,
    ) -> None:
        """``store``: where claims about GPUs are kept for whoever asks."""
        self._store = store
        self._network = network
        self._operator = operator
        self._enclave = enclave
        self._chain = Chainside(network, operator, source)
        self._standings: dict[bytes, Standing] = {}

    def serve(self, policy_id: bytes) -> None:
        """From now on. Raises PolicyRefusedError: nobody created it, or it wants a bond."""
        if policy_id in self._standings:
            return
        policy = policy_of(self._network, self._chain.verifier, policy_id)
        if policy.bond:
            raise PolicyRefusedError("the policy wants a bond: it takes registered keys alone")
        self._standings = {**self._standings, policy_id: Standing(policy)}

    def look(self) -> Sequence[Step]:
        """The collateral that the chain lacks, by a quote of nothing. Raises FusionError."""
        due = [one for one in self._standings.items() if one[1].look_at < time.monotonic()]
        return [step for policy_id, standing in due for step in self._look(policy_id, standing)]

    def _look(self, policy_id: bytes, standing: Standing) -> Sequence[Step]:
        found = self._enclave.probe()
        quote = Quote.parse(found.quote)
        refused = self._judged(standing.policy, quote, found.gpu_claims)
        if refused == _TAKEN:
            standing.waits_for, standing.look_at = "", time.monotonic() + _AGAIN_SECONDS
            return ()
        missing = self._chain.missing(quote)
        if missing:
            standing.waits_for = "collateral to be mined"
            return missing
        log.warning("quote refused", policy=f"0x{policy_id.hex()}", reason=refused)
        standing.waits_for, standing.look_at = refused, time.monotonic() + _AGAIN_SECONDS
        self._chain.forget()
        return ()

    def _judged(self, policy: Policy, quote: Quote, gpu_claims: bytes) -> str:
        """The contract judges a quote before it compares what was quoted."""
        nobody = Binding(self._operator, _NO_KEY, bytes(32), gpu_claims, bytes(32), 0)
        evidence = self._chain.evidence(policy, quote)
        return self._chain.refusal(self._chain.verifier.register(policy, evidence, nobody)) or ""

    def ready(self, terms: JobTerms) -> None:
        """Raises NotReadyError."""
        standing = self._standings.get(terms.artifact_id)
        why = standing.waits_for if standing else "its model is not admitted"
        if why:
            raise NotReadyError(f"no quote is taken under 0x{terms.artifact_id.hex()[:12]}: {why}")

    def answer(self, job: Assignment) -> Answered:
        """Run and quoted inside; ready once the chain would take it. Raises NotReadyError."""
        terms = job.terms
        self.ready(terms)
        policy = self._standings[terms.artifact_id].policy
        purpose = Purpose(self._chain.verifier.domain(), terms.artifact_id, self._operator)
        domain, given = job.network.marketplace.domain, b"".join(job.items())
        output, vouched = self._enclave.quoted(purpose, domain, terms, given)
        if vouched.gpu:
            self._store.put(vouched.gpu)
        evidence = self._chain.evidence(policy, Quote.parse(vouched.quote))
        to = self._operator, vouched.gpu_claims
        return Answered(
            output, self._chain.verifier.deliver_quoted(terms, policy, evidence, *to, output)
        )
