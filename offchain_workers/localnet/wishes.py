# SPDX-License-Identifier: Apache-2.0
"""The demo's wishes: tasks and preferences, for which the router finds model, method and subnet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from offchain_workers.chain.contracts.enclaves import Policy
from offchain_workers.chain.contracts.opml import OPML
from offchain_workers.chain.contracts.teeml_verifier import TEEML
from offchain_workers.devnet import Kind
from offchain_workers.localnet.attesting import attest
from offchain_workers.localnet.demo import Demo, Input
from offchain_workers.localnet.net import NONE, Localnet
from offchain_workers.localnet.opml import compile_model, publish_compiled
from offchain_workers.localnet.plan import WORKERS, WorkerPlan
from offchain_workers.localnet.teeml import GUARDIAN, await_keys, make_policy, published
from offchain_workers.models.catalog import Catalog, endpoints, published_models
from offchain_workers.models.demo import digits, digits_tiny, magika
from offchain_workers.requester.posting import Posting
from offchain_workers.routing.errors import NothingFitsError
from offchain_workers.routing.market import Market
from offchain_workers.routing.planning import plan
from offchain_workers.routing.record import DecisionRecord
from offchain_workers.routing.request import PRESETS, Preset, RouteRequest
from offchain_workers.routing.snapshot import MarketReader
from offchain_workers.storage import LocalStore
from verifiers.opml.compiler.package import CARD_FILE

MAX_PRICE = 10**16
# What a worker asks, in percent of its price for a plain answer of an ordinary model: an answer of
# the smallest model costs little; a claim costs twice the gas of a bare delivery, and a bond for a
# while; machines with enclaves are dear, the more so those that are up to date.
TINY, CLAIM, HELD, STRICT = 20, 200, 150, 335
# What a policy takes is either up to date, or may lag behind: then the guardian has so many seconds
# to speak up before an answer is paid.
HOLD_SECONDS = 20
LAGGING = 0b1111


@dataclass(frozen=True)
class Wished:
    """``inputs`` as (name, raw); ``callback``: the last one is posted by a contract."""

    task: str
    prefer: Preset
    inputs: Sequence[tuple[str, bytes | Path]]
    callback: bool = False

    @property
    def request(self) -> RouteRequest:
        return wish(self.task, self.prefer)


def wish(task: str, prefer: Preset) -> RouteRequest:
    """Under a price that every worker of the demo keeps."""
    return RouteRequest(task=task, prefer=prefer, max_price=MAX_PRICE)


def start_market(
    stack: ExitStack, folder: Path, kind: Kind, say: Callable[[str], None]
) -> Localnet:
    """Three workers, one of each tier. Digits can be had unverified, from a tiny model or an
    ordinary one, under method opml, and under teeml by two policies (on simulated hardware).

    Everything runs when this returns, and stops with the stack.
    """
    models = (magika(), digits(), digits_tiny())
    net = Localnet(folder, kind=kind, workers=(), models=lambda: models, say=say)
    stack.enter_context(net)
    policies = _policies(net)
    wares = [*_plain(net), _compiled(net, say), *_enclosed(net, policies)]
    for worker in WORKERS:
        _open_shop(net, worker, wares)
    net.await_workers()
    for policy in policies.values():
        await_keys(net, policy, say)
    return net


@dataclass(frozen=True)
class Ware:
    """What each worker offers; ``percent`` of its price."""

    model: bytes
    method: bytes = NONE
    percent: int = 100


def _plain(net: Localnet) -> list[Ware]:
    percent = {"digits-tiny": TINY}
    return [
        Ware(model_id, percent=percent.get(name, 100)) for name, (model_id, _) in net.models.items()
    ]


def _compiled(net: Localnet, say: Callable[[str], None]) -> Ware:
    model, bundle = digits(), net.layout.folder / "compiled" / "digits"
    if not (bundle / CARD_FILE).exists():
        say("compiling digits for opml")
        compile_model(model, bundle)
    _, _, compiled = publish_compiled(net, model, bundle)
    attest(net, compiled)
    return Ware(compiled, OPML, CLAIM)


def _policies(net: Localnet) -> Mapping[str, Policy]:
    """By the name of the model that is published under it."""
    net.fund([GUARDIAN])
    strict = make_policy(net.account(GUARDIAN).address)
    held = replace(strict, statuses=LAGGING, hold=HOLD_SECONDS)
    return {"digits-tee": strict, "digits-tee-held": held}


def _enclosed(net: Localnet, policies: Mapping[str, Policy]) -> list[Ware]:
    wares = []
    for name, policy in policies.items():
        model_id = published(net, digits(), policy, name)
        attest(net, model_id)
        wares.append(Ware(model_id, TEEML, HELD if policy.hold else STRICT))
    return wares


def _open_shop(net: Localnet, worker: WorkerPlan, wares: Sequence[Ware]) -> None:
    """Offers on chain, then the process that serves them."""
    *first, last = wares
    for ware in first:
        net.join(_priced(worker, ware), [ware.model], ware.method)
    more = {"teeml": {"provider": "simulated", "platform": worker.name}}
    net.onboard(_priced(worker, last), [last.model], last.method, more=more)


def _priced(worker: WorkerPlan, ware: Ware) -> WorkerPlan:
    return replace(worker, price=worker.price * ware.percent // 100)


def snapshot(net: Localnet) -> Market:
    """The market of the head."""
    store = LocalStore(net.layout.blobs)
    return MarketReader(net.pool, net.network, store, allow_private=True).at()


def under_each_preset(market: Market, task: str) -> Mapping[Preset, DecisionRecord]:
    """What the same task would get under the five presets."""
    return {preset: plan(wish(task, preset), market) for preset in PRESETS}


def start_demo(net: Localnet, wishes: Sequence[Wished], say: Callable[[str], None]) -> Demo:
    """Decide and form the subnets. Raises MN-ROUTE-011."""
    postings: dict[str, Posting] = {}
    decisions: dict[str, DecisionRecord] = {}
    inputs: list[Input] = []
    for wished in wishes:
        record = plan(wished.request, snapshot(net))
        name = record.chosen.name
        say(f"wish: {wished.task}, {wished.prefer.value}: {name} under {record.chosen.method}")
        decisions[name] = record
        if name not in postings:
            postings[name] = _posting(net, record, say)
        inputs += [Input(label, name, raw) for label, raw in wished.inputs]
        if wished.callback and inputs:
            inputs[-1] = replace(inputs[-1], by_contract=True)
    return Demo(net, inputs, say, postings=postings, decisions=decisions)


def why_not(record: DecisionRecord) -> str:
    """Of a decision that nothing fits."""
    try:
        return record.chosen.name
    except NothingFitsError as error:
        return error.message


def _posting(net: Localnet, record: DecisionRecord, say: Callable[[str], None]) -> Posting:
    spec, name = record.spec, record.chosen.name
    net.form(spec, net.wallet("requester"), lambda step: say(f"subnet for {name}: {step}"))
    latest = net.network.subnets.latest_subnet(spec)
    assert latest is not None  # just formed
    subnet = net.network.subnets.subnet(latest[0])
    assert subnet is not None
    names = {worker.address: worker.plan.name for worker in net.workers}
    say(f"subnet for {name}: {', '.join(names[operator] for operator, _ in subnet.members)}")
    store = LocalStore(net.layout.blobs)
    catalog = Catalog(published_models(net.pool, net.network), store)
    card = catalog.card(catalog.find(record.chosen.model))
    announced = endpoints(net.pool, net.network)
    return Posting(
        net.network, subnet, spec.model_id, card, spec.selector, announced, record.artifact_id,
        store.get,
    )  # fmt: skip
