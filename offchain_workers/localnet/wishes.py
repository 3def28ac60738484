# SPDX-License-Identifier: Apache-2.0
"""The demo's wishes: tasks and preferences, for which the router finds model, method and subnet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from offchain_workers.chain.contracts.opml import OPML
from offchain_workers.devnet import Kind
from offchain_workers.localnet.attesting import attest
from offchain_workers.localnet.demo import Demo, Input
from offchain_workers.localnet.net import Localnet
from offchain_workers.localnet.opml import compile_model, publish_compiled
from offchain_workers.localnet.plan import WORKERS
from offchain_workers.models.catalog import Catalog, endpoints, published_models
from offchain_workers.models.demo import digits
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
# A claim costs twice the gas of a bare delivery, and a bond for a while.
DEARER = 2


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
    """Three workers; digits can be had unverified, and under method opml.

    Everything runs when this returns, and stops with the stack.
    """
    net = stack.enter_context(Localnet(folder, kind=kind, workers=(), say=say))
    model, bundle = digits(), net.layout.folder / "compiled" / "digits"
    if not (bundle / CARD_FILE).exists():
        say("compiling digits for opml")
        compile_model(model, bundle)
    _, _, compiled = publish_compiled(net, model, bundle)
    attest(net, compiled)
    plain = [model_id for model_id, _ in net.models.values()]
    for worker in WORKERS:
        net.join(worker, plain)
        dearer = replace(worker, price=DEARER * worker.price)
        net.onboard(dearer, [compiled], OPML, others=plain)
    net.await_workers()
    return net


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
