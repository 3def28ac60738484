# SPDX-License-Identifier: Apache-2.0
"""A local market for method `opml`: a compiled model, its workers, and one watcher."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from offchain_workers.chain.contracts import Spec
from offchain_workers.chain.contracts.opml import OPML, OpmlParams
from offchain_workers.devnet import Kind
from offchain_workers.localnet.attesting import attest
from offchain_workers.localnet.daemon import Daemon
from offchain_workers.localnet.net import Localnet
from offchain_workers.localnet.plan import WORKERS
from offchain_workers.localnet.watcher import start_watcher
from offchain_workers.models import ModelCard
from offchain_workers.models.catalog import endpoints
from offchain_workers.models.demo import DemoModel
from offchain_workers.requester.posting import Posting
from verifiers.opml import bundle
from verifiers.opml.adversaries.publishers import PUBLISHERS, tampered
from verifiers.opml.bundle import Program
from verifiers.opml.compiler.package import CARD_FILE, MODEL_FILE
from verifiers.opml.names import NAMES_FILE, parse_names

# Of the compiled model, in seconds: long, so that a slow machine loses no game by time. Nobody
# waits: the demo moves the chain's clock.
WINDOW, CLOCK = 300, 180


@dataclass(frozen=True)
class OpmlMarket:
    """``posting`` posts jobs about the compiled model, which lies in ``folder``; ``liar`` is a
    worker's address, or empty."""

    net: Localnet
    model: DemoModel
    folder: Path
    card: ModelCard
    program: Program
    posting: Posting
    watcher: Daemon
    liar: str

    @property
    def names(self) -> Sequence[str]:
        """Of the program's nodes."""
        found = (self.folder / NAMES_FILE).read_bytes()
        return parse_names(found, self.program.header.node_count)

    def name(self, address: str) -> str:
        """Who has that address."""
        known = {worker.address: worker.name for worker in self.net.workers}
        known[self.watcher.address] = self.watcher.name
        return known.get(address, "adversary")


def start_market(
    stack: ExitStack,
    folder: Path,
    model: DemoModel,
    liar: str | None,
    kind: Kind = "auto",
    block_time: int | None = None,
    say: Callable[[str], None] = lambda step: None,
    publisher: str | None = None,
) -> OpmlMarket:
    """Everything runs when this returns, and stops with the stack.

    ``liar``, ``publisher``: kinds of dishonest ones, if any. The cheapest worker is the liar: it is
    asked first.
    """
    # The watcher's game is what is to be seen: no audit plays beside it.
    params = replace(OpmlParams.development(), audit_share=0, audit_fund=0)
    net = Localnet(
        folder,
        kind=kind,
        block_time=block_time,
        workers=(),
        models=lambda: (model,),
        say=say,
        opml=params,
    )
    stack.enter_context(net)
    bundle_folder = net.layout.folder / "compiled" / (publisher or model.card.name)
    if not (bundle_folder / CARD_FILE).exists():
        say(f"compiling {model.card.name} for opml")
        compile_model(model, bundle_folder, publisher)
    card, program, model_id = publish_compiled(net, model, bundle_folder)
    attest(net, model_id)
    watcher = start_watcher(net)
    stack.callback(watcher.stop)
    cheapest = min(WORKERS, key=lambda plan: plan.price)
    for plan in WORKERS:
        lies = liar is not None and plan is cheapest
        command = ("adversary", "worker", str(liar)) if lies else ("worker",)
        net.onboard(plan, [model_id], OPML, command)
    net.await_workers()
    watcher.await_ready()
    address = "" if liar is None else net.account(cheapest.name).address
    posting = _posting(net, model_id, card, program, say)
    return OpmlMarket(net, model, bundle_folder, card, program, posting, watcher, address)


def publish_compiled(
    net: Localnet, model: DemoModel, folder: Path
) -> tuple[ModelCard, Program, bytes]:
    """A bundle, published as a child of the float model."""
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    card = ModelCard.from_canonical(files.pop(CARD_FILE))
    onnx, program = files.pop(MODEL_FILE), bundle.load(folder)
    parent, _ = net.models[model.card.name]
    artifacts = {OPML: program.header.artifact_id()}
    return card, program, net.publish(card, onnx, files.values(), parent, artifacts)


def compile_model(model: DemoModel, folder: Path, publisher: str | None = None) -> None:
    """A demo model's bundle, calibrated on its samples; as a dishonest ``publisher`` has it.

    Raises CompileError.
    """
    from verifiers.opml.compiler.compile import Options
    from verifiers.opml.compiler.package import build
    from verifiers.opml.compiler.samples import encoded

    found = (encoded(model.card, raw) for _, raw, _ in model.samples)
    samples = [sample for sample in found if sample is not None]
    options = Options(window=WINDOW, clock=CLOCK)
    made = build(model.onnx_bytes, samples, parent=model.card, options=options)
    if publisher is not None:
        files, card = tampered(made.files, made.card, PUBLISHERS[publisher])
        made = replace(made, files={**files, CARD_FILE: card.canonical()}, card=card)
    made.write(folder)


def _posting(
    net: Localnet, model_id: bytes, card: ModelCard, program: Program, say: Callable[[str], None]
) -> Posting:
    spec = Spec(model_id, OPML, band=60, k=len(WORKERS))
    net.form(spec, net.wallet("requester"), lambda step: say(f"subnet: {step}"))
    latest = net.network.subnets.latest_subnet(spec)
    assert latest is not None  # just formed
    subnet = net.network.subnets.subnet(latest[0])
    assert subnet is not None
    announced, artifact = endpoints(net.pool, net.network), program.header.artifact_id()
    return Posting(net.network, subnet, model_id, card, OPML, announced, artifact)
