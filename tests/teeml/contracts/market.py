# SPDX-License-Identifier: Apache-2.0
"""A market that lists TeemlVerifier under the simulated root, and operators with enclaves."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field, replace
from typing import Any

import boa
from boa.contracts.vyper.vyper_contract import VyperContract
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from offchain_workers.chain.contracts.enclaves import (
    Binding,
    Measurement,
    Policy,
    Result,
    ResultDomain,
)
from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER, by, deploy
from tests.contracts.terms import Terms
from tests.contracts.world import World
from tests.teeml.contracts.simulation import parsed
from verifiers.teeml.onchain import chosen, quote_words, root_words, steps
from verifiers.teeml.quote import Quote
from verifiers.teeml.simulated import Authority, Platform, enclave_report, td_report

SOURCES = "contracts/verifiers/teeml"
MAX_HOLD = 3_600
PROOF_SECONDS = 86_400
BOND = ETHER
STAKE = 10 * ETHER
ANSWER = b"an answer"
SEALING = keccak(b"sealing key")
MANIFEST = keccak(b"manifest")
MEASUREMENT = Measurement(Quote.parse(Platform().quote(4, td_report())).measurement, True)
ENCLAVE = Measurement(Quote.parse(Platform().quote(3, enclave_report())).measurement, False, svn=1)


def policy(**changes: Any) -> Policy:
    """One TDX image, a guardian, a bond; paid at once."""
    start = Policy((MEASUREMENT,), bond=BOND, guardian=wallet("guardian").address)
    return replace(start, **changes)


@dataclass
class Market:
    """``terms`` is of a posted job; members are in turn order."""

    world: World
    plugin: VyperContract
    collateral: VyperContract
    platform: Platform
    policy: Policy
    terms: Terms
    members: list[LocalAccount]
    _posts: int = field(default=0)

    @classmethod
    def create(cls, rules: Policy) -> Market:
        """Contracts, collateral, a model under the policy, three members. Chain 31337."""
        world = World.create()
        platform = Platform(issued=world.now - 3_600)
        plugin, collateral = _deploy(world, platform.authority)
        load(collateral, platform.collateral())
        plugin.create_policy(rules.abi())
        world.fund("guardian")
        world.fund("stranger")
        selector = world.add_method("teeml", str(plugin.address), 512, MAX_HOLD, hedge=True)
        model = world.publish("enclosed", artifacts=[(selector, rules.policy_id)])
        for i in range(3):
            operator = world.add_operator(f"operator {i}", STAKE + i)
            world.offer(operator, selector=selector, model_id=model)
        subnet = world.form_subnet(3, model_id=model, selector=selector)
        artifact = rules.policy_id
        terms = world.terms(subnet, model_id=model, selector=selector, artifact_id=artifact)
        return cls(world, plugin, collateral, platform, rules, terms, subnet.members)

    # ---- enclaves ----

    @property
    def domain(self) -> ResultDomain:
        return ResultDomain(int(boa.env.evm.patch.chain_id), str(self.plugin.address))

    def binding(self, operator: LocalAccount, name: str = "enclave", **changes: Any) -> Binding:
        """Of the key that the wallet of that name has."""
        self.world.roll()
        key = wallet(f"{name} of {operator.address}").address
        start = Binding(operator.address, key, SEALING, bytes(32), MANIFEST, self.world.block - 1)
        return replace(start, **changes)

    def report_data(self, binding: Binding, rules: Policy | None = None) -> bytes:
        """What an honest enclave puts into its quote."""
        anchor: bytes = boa.eval(f"blockhash({binding.anchor})")
        return self.domain.binding_hash((rules or self.policy).policy_id, binding) + anchor

    def evidence(
        self, report_data: bytes, platform: Platform | None = None, version: int = 4, **body: Any
    ) -> tuple[Any, ...]:
        machine = platform or self.platform
        report = enclave_report if version == 3 else td_report
        quote = Quote.parse(machine.quote(version, report(report_data, **body)))
        given = parsed(machine.collateral(tdx=version != 3))
        return (quote_words(quote), *chosen(given), 0)

    def register(
        self, member: int = 0, name: str = "enclave", platform: Platform | None = None
    ) -> LocalAccount:
        """The key that it registered."""
        operator = self.members[member]
        binding = self.binding(operator, name)
        evidence = self.evidence(self.report_data(binding), platform)
        with boa.env.prank(operator.address):
            self.plugin.register(self.policy.abi(), evidence, astuple(binding))
        self.world.bonds.add(self.plugin.bond_id(self.policy.policy_id, binding.key))
        return wallet(f"{name} of {operator.address}")

    # ---- jobs ----

    def post(self, **changes: Any) -> Terms:
        """A job of its own."""
        self._posts += 1
        start = {"salt": keccak(text=f"job {self._posts}"), "deliver_by": self.world.now + 3_600}
        given = start | changes
        terms = self.terms.with_(**given, resolve_by=given["deliver_by"] + 86_400)
        self.world.post(terms)
        return terms

    def result(self, terms: Terms, member: int = 0, output: bytes = ANSWER) -> Result:
        """What an honest enclave signs."""
        return Result(
            self.world.domain.job_id(terms),
            terms.model_id,
            terms.input_commitment,
            keccak(output),
            self.members[member].address,
            terms.deliver_by,
        )

    def deliver(
        self,
        terms: Terms,
        key: LocalAccount,
        output: bytes = ANSWER,
        *,
        member: int = 0,
        result: Result | None = None,
        signature: tuple[int, int, int] | None = None,
    ) -> None:
        """By a stranger; an honest delivery, but for what is given."""
        signed = result or self.result(terms, member, output)
        words = signature or self.domain.sign(key, signed)
        with by("stranger"):
            self.plugin.deliver(terms.abi, key.address, output, words)


def _deploy(world: World, authority: Authority) -> tuple[VyperContract, VyperContract]:
    parsers = [deploy(f"{SOURCES}/{name}.vy") for name in ("CertificateParser", "TcbParser")]
    root = root_words(authority.trust, authority.until)
    addresses = [parser.address for parser in parsers]
    collateral = deploy(f"{SOURCES}/IntelCollateral.vy", *addresses, root)
    dcap = deploy(f"{SOURCES}/DcapVerifier.vy", collateral.address)
    where = world.market.address, world.subnets.address, world.models.address, dcap.address
    times = MAX_HOLD, PROOF_SECONDS, "0x" + "00" * 20
    return deploy(f"{SOURCES}/TeemlVerifier.vy", *where, *times), collateral


def load(collateral: VyperContract, given: dict[str, str]) -> None:
    """All of it; what is there already is left out."""
    for step in steps(parsed(given)):
        getattr(collateral, step.function)(*step.args)
