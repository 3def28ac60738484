# SPDX-License-Identifier: Apache-2.0
"""Method `teeml` under the simulated root: register a key, deliver by it, hold, take back."""

from __future__ import annotations

import json
from dataclasses import astuple
from typing import Any

from eth_utils.crypto import keccak
from web3.types import TxReceipt

from benchmarks.market import GWEI, PRICE, Market, payload
from benchmarks.pinned import PinnedChain
from benchmarks.scenes.posts import REFERENCE
from benchmarks.table import Recorder
from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import JobTerms, Tier
from offchain_workers.chain.contracts.enclaves import Binding, Measurement, Policy, Result
from offchain_workers.chain.contracts.teeml_verifier import TEEML, TeemlParams, deploy_teeml
from verifiers.teeml.collateral import Collateral
from verifiers.teeml.onchain import chosen, quote_words, root_words, steps
from verifiers.teeml.quote import Quote
from verifiers.teeml.simulated import Platform, td_report

BOND = 10**6 * GWEI
HOLD = 600
OUTPUT = payload(32, "output")
PARAMS = TeemlParams.development()


class Enclaves:
    """A market with the plug-in and a policy; every operator has a platform of its own."""

    def __init__(self, chain: PinnedChain, **rules: Any) -> None:
        self.chain = chain
        issued = chain.now() - 3_600
        self.platforms = [Platform(issued=issued, label=f"platform {i}") for i in range(3)]
        self.given = Collateral.parse(json.dumps(self.platforms[0].collateral()))
        measured = Quote.parse(self.platforms[0].quote(4, td_report())).measurement
        guardian = chain.account("guardian").address
        rules = {"bond": BOND} | rules
        self.policy = Policy((Measurement(measured, True),), guardian=guardian, **rules)
        self.market = Market.create(chain, {TEEML: self.policy.policy_id})
        self._deploy()
        self.market.offer_all(self.market.enlist(3), Tier.WEB2_CLOUD, TEEML)
        self.market.next_epoch()
        self.subnet = self.market.form(self.market.spec(TEEML, k=3))
        self.primary = self.subnet.members[0]

    def _deploy(self) -> None:
        chain, owner = self.chain, self.chain.account("owner")
        authority = self.platforms[0].authority
        root = root_words(authority.trust, authority.until)
        with chain.automine():
            self.verifier = deploy_teeml(chain.w3, owner, self.market.network, root, PARAMS)
        collateral = self.verifier.collateral()
        for step in steps(self.given):
            chain.send(owner, collateral.call(step.function, *step.args))
        self.created = chain.send(owner, self.verifier.create_policy(self.policy))

    def register(self, name: str) -> TxReceipt:
        """A new key of the primary's."""
        anchor = self.chain.w3.eth.get_block("latest")
        key = self.chain.account(name).address
        manifest, sealing = payload(32, "manifest"), payload(32, "sealing")
        binding = Binding(
            self.primary.address, key, sealing, bytes(32), manifest, int(anchor["number"])
        )
        bound = self.verifier.domain().binding_hash(self.policy.policy_id, binding)
        report = td_report(bound + bytes(anchor["hash"]))
        quote = Quote.parse(self.platforms[0].quote(4, report))
        evidence = (quote_words(quote), *chosen(self.given), 0)
        policy = self.policy.abi()
        call = self.verifier.call("register", policy, evidence, astuple(binding))
        return self.chain.send(self.primary, call)

    def post(self, **fields: Any) -> JobTerms:
        late = self.chain.now() + 10_000
        artifact = self.policy.policy_id
        terms = self.market.terms(self.subnet, artifact_id=artifact, resolve_by=late, **fields)
        self.market.post(terms, REFERENCE)
        return terms

    def deliver(self, terms: JobTerms, name: str) -> TxReceipt:
        """What the key of that name signed."""
        result = Result(
            terms.job_id(self.market.network.marketplace.domain),
            terms.model_id,
            terms.input_commitment,
            keccak(OUTPUT),
            self.primary.address,
            terms.deliver_by,
        )
        key = self.chain.account(name)
        signature = self.verifier.domain().sign(key, result)
        return self.send(self.verifier.deliver(terms, key.address, OUTPUT, signature))

    def quote(self, terms: JobTerms) -> TxReceipt:
        """A quote of the answer itself."""
        job_id = terms.job_id(self.market.network.marketplace.domain)
        given = terms.model_id, terms.input_commitment, keccak(OUTPUT), self.primary.address
        result = Result(job_id, *given, terms.deliver_by)
        domain, policy = self.verifier.domain(), self.policy
        report = td_report(domain.quoted_hash(policy.policy_id, bytes(32), result) + bytes(32))
        quote = Quote.parse(self.platforms[0].quote(4, report))
        evidence = (quote_words(quote), *chosen(self.given), 0)
        to = self.primary.address, bytes(32)
        return self.send(self.verifier.deliver_quoted(terms, policy, evidence, *to, OUTPUT))

    def send(self, call: Call) -> TxReceipt:
        return self.chain.send(self.primary, call)


def paid_at_once(chain: PinnedChain, record: Recorder) -> None:
    """Keys and answers without a hold."""
    enclaves = Enclaves(chain)
    record.add("policy:teeml:create", enclaves.created, first_use=True, note="1 measurement")
    note = "a quote of version 4, no bond before, an authority never named"
    record.add("register:teeml:key", enclaves.register("first"), first_use=True, note=note)
    note = "replaces one's own key on a platform, bond locked"
    record.add("register:teeml:key", enclaves.register("second"), note=note)
    for first_use in (True, False):
        receipt = enclaves.deliver(enclaves.post(), "second")
        note = "nobody had a balance" if first_use else "signed by a registered key"
        record.add("deliver:teeml:32B", receipt, first_use=first_use, note=note)
    receipt = enclaves.deliver(enclaves.post(max_price=PRICE), "second")
    record.add("deliver:teeml:exact", receipt, note="32 bytes; the price is the most allowed")


def quoted(chain: PinnedChain, record: Recorder) -> None:
    """Answers quoted one by one; no key is registered."""
    enclaves = Enclaves(chain, bond=0)
    for first_use in (True, False):
        receipt = enclaves.quote(enclaves.post())
        note = "nobody had a balance" if first_use else "a quote of version 4 of the answer itself"
        record.add("deliver:teeml:quoted", receipt, first_use=first_use, note=note)


def held(chain: PinnedChain, record: Recorder) -> None:
    """Answers under a hold; the second one falls with its key."""
    enclaves = Enclaves(chain, hold=HOLD)
    enclaves.register("key")
    for first_use in (True, False):
        terms = enclaves.post()
        receipt = enclaves.deliver(terms, "key")
        if not first_use:
            record.add("claim:teeml:held", receipt, note="under a hold")
        chain.warp(chain.now() + HOLD + 1)
        note = "nobody had a balance" if first_use else "the hold is over"
        receipt = enclaves.send(enclaves.verifier.finalise(terms))
        record.add("settle:teeml:held", receipt, first_use=first_use, note=note)
    terms = enclaves.post()
    enclaves.deliver(terms, "key")
    policy_id = enclaves.policy.policy_id
    call = enclaves.verifier.call("remove_measurement", policy_id, 0)
    record.add("remove:teeml:measurement", chain.send(chain.account("guardian"), call))
    receipt = enclaves.send(enclaves.verifier.refute(terms))
    record.add("settle:teeml:refuted", receipt, note="its measurement was removed")
    key = chain.account("key").address
    receipt = enclaves.send(enclaves.verifier.invalidate(policy_id, key))
    record.add("invalidate:teeml:key", receipt)
