# SPDX-License-Identifier: Apache-2.0
"""Offers: everything is checked before the first transaction, so that nothing stays half done."""

from __future__ import annotations

from functools import partial

from offchain_workers.chain.contracts import Tier
from offchain_workers.chain.contracts.subnets import book_id
from offchain_workers.cli.leaving import registered
from offchain_workers.cli.network import Connection, own_address
from offchain_workers.cli.output import cell
from offchain_workers.cli.progress import waiting, warn
from offchain_workers.cli.sending import Sender, Sent
from offchain_workers.engines.build import build_engine
from offchain_workers.errors import FusionError
from offchain_workers.models import ModelSpec
from offchain_workers.models.catalog import PublishedModel
from offchain_workers.models.lowering import onnx_for
from offchain_workers.models.vouching import HINT, Vouching
from offchain_workers.units import Wei
from verifiers.base import VERDICTS, Candidate
from verifiers.methods import method_of


def try_machine(connection: Connection, model: PublishedModel, selector: bytes) -> None:
    """A method with artifacts is asked whether this machine may run the model, as a worker asks.

    Raises what the method says, EngineError, StoreError.
    """
    if selector not in model.artifacts:
        return
    settings, catalog = connection.settings, connection.catalog
    card, limit = catalog.card(model), settings.engine.max_onnx_bytes
    engine = build_engine(settings.engine)
    with waiting(connection.run, f"testing {card.name} on this machine"):
        cid = onnx_for(card, model.onnx_cid, engine.provider)
        session = engine.load(ModelSpec(card, cid), catalog.blob(model, cid, limit))
        candidate = Candidate(
            card=card,
            record=model,
            network=connection.network,
            artifact_id=model.artifacts[selector],
            session=session,
            provider=engine.provider,
            runtime=engine.runtime,
            blob=partial(catalog.blob, model),
            folder=settings.storage.folder / VERDICTS,
        )
        method_of(selector).admit(candidate)
        session.close()
    _warn_unvouched(connection, model)


def _warn_unvouched(connection: Connection, model: PublishedModel) -> None:
    """The offer would stand, and the worker refuse its jobs."""
    settings = connection.settings
    asked, me = settings.vouching, own_address(settings)
    folder = settings.storage.folder / VERDICTS
    vouching = Vouching(connection.network, folder, me, asked.attesters, asked.required)
    if not vouching.admits(model):
        warn(f"MN-WORKER-129: nobody vouches for the model, workers won't serve it: {HINT}")


class Offering:
    """A model under a method, priced in a token: one book.

    Raises MN-CLI-007 for a method that the market does not have.
    """

    def __init__(self, connection: Connection, model_id: bytes, method: str, token: str) -> None:
        self._connection = connection
        self._subnets = connection.network.subnets
        self.model_id = model_id
        self.selector = connection.selector(method)
        self.token = token
        self.book_id = book_id(model_id, self.selector, token)

    def check(self, operator: str) -> None:
        """Raises MN-CLI-015 for a stranger, MN-CLI-017 for too little stake."""
        state = registered(self._connection, operator)
        held = self._subnets.has_offer(operator, self.book_id)
        needed = (state.offers + (not held)) * self._subnets.min_stake
        if state.stake < needed:
            raise FusionError(
                "MN-CLI-017",
                f"{operator} has {cell(Wei(state.stake))} at stake; with this offer it must be "
                f"{cell(Wei(needed))} or more: fusion operator stake AMOUNT",
            )

    def opt_in(self, sender: Sender) -> None:
        """Let the method's contract name us, unless it may already."""
        method = self._connection.network.marketplace.method(self.selector)
        if method and not self._subnets.opted_in(sender.address, method.plugin):
            sender.send("opt in", self._subnets.opt_in(self.selector))

    def send(self, sender: Sender, tier: Tier, price: int, region: int) -> Sent:
        call = self._subnets.offer(
            self.model_id, self.selector, tier, price, region=region, token=self.token
        )
        return sender.send("offer", call)

    def in_force_from(self, block: int) -> dict[str, int]:
        """A change written in an epoch is in force from the next one."""
        epoch = block // self._subnets.epoch_blocks + 1
        return {"from_epoch": epoch, "from_block": epoch * self._subnets.epoch_blocks}
