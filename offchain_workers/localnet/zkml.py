# SPDX-License-Identifier: Apache-2.0
"""A local market for method `zkml`: a circuit of the digits model, and workers that prove."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from offchain_workers.chain.contracts import Spec
from offchain_workers.chain.contracts.zkml import ZKML, ZkmlVerifier, place_circuit
from offchain_workers.devnet import Kind
from offchain_workers.localnet.attesting import attest
from offchain_workers.localnet.demo import DIGITS, Demo, Input
from offchain_workers.localnet.net import Localnet
from offchain_workers.localnet.plan import WORKERS
from offchain_workers.models.catalog import endpoints
from offchain_workers.models.demo import DemoModel, digits_mlp
from offchain_workers.requester.posting import Posting
from offchain_workers.storage import LocalStore
from verifiers.zkml import bundle
from verifiers.zkml.bundle import CARD_FILE, MODEL_FILE, PROGRAM_FILE, Bundle
from verifiers.zkml.circuit import METHOD
from verifiers.zkml.settings import Binding

# Of the digits model under which hidden values are exact.
SCALE = 9
# A proof costs about twelve times the gas of a bare delivery.
DEARER = 4


def start_demo(
    stack: ExitStack, folder: Path, kind: Kind, say: Callable[[str], None]
) -> tuple[Localnet, Demo]:
    """Everything runs when this returns, and stops with the stack. Raises ezkl's errors."""
    net, model, posting = start_market(stack, folder, kind, say)
    name = posting.card.name
    inputs = [Input(sample, name, raw) for sample, raw, _ in model.samples[:DIGITS]]
    return net, Demo(net, inputs, say, METHOD, {name: posting})


def start_market(
    stack: ExitStack, folder: Path, kind: Kind, say: Callable[[str], None]
) -> tuple[Localnet, DemoModel, Posting]:
    """The market, the float model with its samples, and what posts jobs of its circuit."""
    model = digits_mlp()
    net = Localnet(folder, kind=kind, workers=(), models=lambda: (model,), say=say)
    stack.enter_context(net)
    where = net.layout.folder / "circuits" / model.card.name
    if not (where / CARD_FILE).exists():
        say(f"making a circuit of {model.card.name}, under a development setup")
        make_circuit(model, where)
    found = bundle.read(where)
    model_id = _published(net, model, where, found)
    attest(net, model_id)
    for plan in WORKERS:
        net.onboard(replace(plan, price=DEARER * plan.price), [model_id], ZKML)
    net.await_workers()
    return net, model, _posting(net, model_id, found, say)


def make_circuit(model: DemoModel, folder: Path) -> None:
    """Pixels are public whole numbers, weights are committed to: fine-tunes share the program."""
    from verifiers.zkml.setup import Options, make

    samples = [np.frombuffer(raw, np.uint8) for _, raw, _ in model.samples]
    options = Options(weights=Binding.POLYCOMMIT, scale=SCALE, input_scale=0)
    make(model.onnx_bytes, samples, options, model.card).bundle.write(folder)


def _published(net: Localnet, model: DemoModel, folder: Path, found: Bundle) -> bytes:
    verifier = ZkmlVerifier.of(net.network)
    assert verifier is not None  # of a market that we deployed
    code, setup = found.files[PROGRAM_FILE], found.description.neg_tau_g2
    place_circuit(net.wallet("publisher"), verifier, code, setup)
    parent, _ = net.models[model.card.name]
    onnx = (folder / MODEL_FILE).read_bytes()
    artifacts = {ZKML: found.artifact_id}
    return net.publish(found.card, onnx, found.files.values(), parent, artifacts)


def _posting(net: Localnet, model_id: bytes, found: Bundle, say: Callable[[str], None]) -> Posting:
    spec = Spec(model_id, ZKML, band=60, k=len(WORKERS))
    net.form(spec, net.wallet("requester"), lambda step: say(f"subnet: {step}"))
    latest = net.network.subnets.latest_subnet(spec)
    assert latest is not None  # just formed
    subnet = net.network.subnets.subnet(latest[0])
    assert subnet is not None
    return Posting(
        net.network,
        subnet,
        model_id,
        found.card,
        ZKML,
        endpoints(net.pool, net.network),
        found.artifact_id,
        LocalStore(net.layout.blobs).get,
    )
