# SPDX-License-Identifier: Apache-2.0
"""A local market for method `teeml`: a policy, a model under it, workers on simulated hardware."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from offchain_workers.chain.contracts import Spec
from offchain_workers.chain.contracts.enclaves import Measurement, Policy
from offchain_workers.chain.contracts.teeml_verifier import TEEML, TeemlVerifier
from offchain_workers.chain.past import Past
from offchain_workers.devnet import Kind
from offchain_workers.localnet.attesting import attest
from offchain_workers.localnet.demo import DIGITS, PAUSE_SECONDS, Demo, Input
from offchain_workers.localnet.net import Localnet
from offchain_workers.localnet.plan import WORKERS, WorkerPlan
from offchain_workers.models.catalog import endpoints
from offchain_workers.models.demo import DemoModel, digits_mlp
from offchain_workers.requester.errors import JobUnfinishedError
from offchain_workers.requester.posting import Posting
from verifiers.teeml.enclave.client import EnclaveProcess
from verifiers.teeml.market import verifier_of
from verifiers.teeml.quote import Quote
from verifiers.teeml.simulated import Platform, td_report

GUARDIAN = "guardian"
# A delivery costs about a third more gas than a bare one.
DEARER = 2
REGISTER_SECONDS = 120.0


@dataclass(frozen=True)
class Key:
    """A worker's registered key; ``until`` in Unix seconds, ``gas`` of the registration."""

    worker: str
    operator: str
    address: str
    platform: bytes
    until: int
    gas: int


@dataclass(frozen=True)
class TeemlMarket:
    """``doomed``: the worker whose platform the demo revokes; its enclave runs in our hands."""

    net: Localnet
    model: DemoModel
    model_id: bytes
    policy: Policy
    keys: tuple[Key, ...]
    doomed: WorkerPlan
    enclave: EnclaveProcess
    posting: Posting
    say: Callable[[str], None]

    @property
    def verifier(self) -> TeemlVerifier:
        return verifier_of(self.net.network)

    def key(self, worker: str) -> Key:
        return next(key for key in self.keys if key.worker == worker)

    def demo(self) -> Demo:
        """Digits, each answered by an enclave and paid at once."""
        name = self.model.card.name
        inputs = [Input(sample, name, raw) for sample, raw, _ in self.model.samples[:DIGITS]]
        return Demo(self.net, inputs, self.say, "teeml", {name: self.posting})


def start_market(
    stack: ExitStack,
    folder: Path,
    kind: Kind,
    say: Callable[[str], None],
    block_time: int | None = None,
) -> TeemlMarket:
    """Everything runs when this returns, every worker's key registered; it stops with the stack."""
    model = digits_mlp()
    net = Localnet(
        folder, kind=kind, workers=(), models=lambda: (model,), say=say, block_time=block_time
    )
    stack.enter_context(net)
    net.fund([GUARDIAN])
    policy = make_policy(net.account(GUARDIAN).address)
    model_id = published(net, model, policy)
    attest(net, model_id)
    doomed = min(WORKERS, key=lambda plan: plan.price)
    chain = ("--chain", str(net.devnet.chain_id))
    enclave = EnclaveProcess(("--provider", "simulated", "--platform", doomed.name, *chain))
    stack.callback(enclave.stop)
    for plan in WORKERS:
        asked: dict[str, object] = {"provider": "simulated", "platform": plan.name}
        if plan is doomed:
            asked["socket"] = str(enclave.ensure())
        dear = replace(plan, price=DEARER * plan.price)
        net.onboard(dear, [model_id], TEEML, more={"teeml": asked})
    net.await_workers()
    keys = await_keys(net, policy, say)
    posting = make_posting(net, model, model_id, policy, say)
    return TeemlMarket(net, model, model_id, policy, keys, doomed, enclave, posting, say)


def make_policy(guardian: str) -> Policy:
    """What the simulated enclave measures to, on platforms that are up to date."""
    quote = Quote.parse(Platform().quote(4, td_report(bytes(64))))
    return Policy((Measurement(quote.measurement, tdx=True),), guardian=guardian)


def published(net: Localnet, model: DemoModel, policy: Policy, name: str | None = None) -> bytes:
    """The model under the policy, as a child of the plain one; with a name of its own, if any."""
    publisher, verifier = net.wallet("publisher"), verifier_of(net.network)
    net_id, _ = net.models[model.card.name]
    known = Past(verifier, net.network.start_block)
    head = int(net.pool.w3.eth.block_number)
    if not any(known.newest_first({"PolicyCreated"}, policy.policy_id, head)):
        publisher.send(verifier.create_policy(policy))
    card = model.card if name is None else model.card.model_copy(update={"name": name})
    artifacts = {TEEML: policy.policy_id}
    return net.publish(card, model.onnx_bytes, (), net_id, artifacts)


def await_keys(net: Localnet, policy: Policy, say: Callable[[str], None]) -> tuple[Key, ...]:
    """Until each worker has a live key under the policy. Raises JobUnfinishedError."""
    verifier = verifier_of(net.network)
    say("waiting for the enclaves' keys to be registered")
    deadline = time.monotonic() + REGISTER_SECONDS
    while True:
        found = registered(net, verifier, policy)
        if {key.operator for key in found} >= {worker.address for worker in net.workers}:
            return found
        if time.monotonic() > deadline:
            raise JobUnfinishedError("not every worker's enclave key was registered in time")
        time.sleep(PAUSE_SECONDS)
        net.devnet.mine()


def registered(net: Localnet, verifier: TeemlVerifier, policy: Policy) -> tuple[Key, ...]:
    """The live keys, oldest first."""
    names = {worker.address: worker.plan.name for worker in net.workers}
    past = Past(verifier, net.network.start_block)
    w3, found = net.pool.w3, []
    for event in past.newest_first({"KeyRegistered"}, None, int(w3.eth.block_number)):
        args = event.args
        if not verifier.is_live(policy.policy_id, args["key"]):
            continue
        receipt = w3.eth.get_transaction_receipt("0x" + event.tx_hash.hex())  # type: ignore[arg-type]
        name = names.get(args["operator"], "")
        found.append(
            Key(
                name,
                args["operator"],
                args["key"],
                args["platform"],
                args["expires"],
                receipt["gasUsed"],
            )
        )
    return tuple(found[::-1])


def make_posting(
    net: Localnet,
    model: DemoModel,
    model_id: bytes,
    policy: Policy,
    say: Callable[[str], None],
    members: int = len(WORKERS),
) -> Posting:
    """Posts jobs about the model on a subnet of so many workers."""
    spec = Spec(model_id, TEEML, band=60, k=members)
    net.form(spec, net.wallet("requester"), lambda step: say(f"subnet: {step}"))
    latest = net.network.subnets.latest_subnet(spec)
    assert latest is not None  # just formed
    subnet = net.network.subnets.subnet(latest[0])
    assert subnet is not None
    announced = endpoints(net.pool, net.network)
    return Posting(net.network, subnet, model_id, model.card, TEEML, announced, policy.policy_id)
