# SPDX-License-Identifier: Apache-2.0
"""From a choice to a job ready to be posted: subnet, acceptance, and the record on its way."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from offchain_workers.chain.contracts import Spec, SubnetInfo
from offchain_workers.cli.arguments import identifier
from offchain_workers.cli.circuits import check_vouched
from offchain_workers.cli.forming import Forming
from offchain_workers.cli.network import Connection, Patience
from offchain_workers.cli.progress import say, waiting, warn
from offchain_workers.cli.sending import Sender
from offchain_workers.errors import FusionError
from offchain_workers.models.card import ModelCard
from offchain_workers.models.catalog import PublishedModel, endpoints
from offchain_workers.requester.formation import Formation
from offchain_workers.requester.letters import concealing
from offchain_workers.requester.posting import Posting, Prepared, Wish
from offchain_workers.routing.record import DecisionRecord
from verifiers.base import ModelView
from verifiers.methods import method_of

_FORMATION_SECONDS = 600


def named(connection: Connection, subnet: str) -> SubnetInfo:
    """A formed subnet by its id. Raises MN-CLI-023."""
    known = connection.network.subnets.subnet(identifier(subnet, "subnet"))
    if known is None or not known.expires:
        raise FusionError("MN-CLI-023", f"no subnet {subnet} has been formed on this chain")
    return known


def found(connection: Connection, sender: Sender, spec: Spec) -> SubnetInfo:
    """A live subnet of the spec, formed if need be. Raises MN-CLI-027 before any tip is paid, and
    as ``Formation.ensure``."""
    patience = Patience(connection.pool, _FORMATION_SECONDS)
    live = Formation(connection.network, sender.wallet, patience).live(spec)
    if live is not None:
        return live
    forming = Forming(connection, spec)
    if forming.cost() is not None:
        forming.check_candidates()
    with waiting(connection.run, "looking for a subnet") as update:
        return Formation(connection.network, sender.wallet, patience, update).ensure(spec)


def check_private(
    connection: Connection,
    model: PublishedModel,
    card: ModelCard,
    method: str,
    items: Sequence[bytes],
) -> None:
    """Before a subnet is formed for it. Raises MN-REQ-010, MN-ZK-055."""
    able = concealing(method_of(connection.selector(method)), items)
    view = ModelView(card, partial(connection.catalog.blob, model), model.artifacts)
    able.conceal(items, view, model.model_id, bytes(32))


def prepare(
    connection: Connection,
    sender: Sender,
    model: PublishedModel,
    card: ModelCard,
    method: str,
    subnet: SubnetInfo,
    items: Sequence[bytes],
    wish: Wish,
    from_balance: bool,
    record: DecisionRecord | None = None,
) -> Prepared:
    """Terms, data and an acceptance where one is wished. Raises as ``Posting.prepare``.

    The members keep ``record``, so that it can be asked for when this machine is gone.
    """
    selector = connection.selector(method)
    artifact = connection.network.models.artifact(model.model_id, selector)
    check_vouched(connection, model, selector, sender.address)
    announced = endpoints(connection.pool, connection.network)
    posting = Posting(
        connection.network,
        subnet,
        model.model_id,
        card,
        selector,
        announced,
        artifact,
        partial(connection.catalog.blob, model),
    )
    with waiting(connection.run, "asking the members"):
        prepared = posting.prepare(sender.address, items, wish, value=0 if from_balance else None)
    for note in prepared.notes:
        say(connection.run, f"not accepted: {note}")
    if wish.accepted and prepared.acceptance is None:
        say(connection.run, "no member promised the job: nobody is slashed if it is not answered")
    if record is not None and not posting.hand_on(record.canonical()):
        warn("no member keeps the decision record: only this machine's store has it")
    return prepared
