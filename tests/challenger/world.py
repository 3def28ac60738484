# SPDX-License-Identifier: Apache-2.0
"""Claims on a development chain, honest and not, and watchers that look at them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount

from offchain_workers.chain.contracts import JobTerms
from offchain_workers.challenger import Watcher
from offchain_workers.config import Settings
from offchain_workers.devnet import Devnet
from tests.daemons import Background
from tests.operator.world import build, until
from tests.opml.compiled import GIVEN, Bundle, digits_bundle
from tests.opml.lies import lied
from tests.opml.onchain import OpmlMarket, listed
from verifiers.opml.board import claim_id
from verifiers.opml.calls import Table
from verifiers.opml.moves import answer
from verifiers.opml.openings import Execution

BUNDLE = digits_bundle()
RIGHT: Execution = BUNDLE.program.execution(GIVEN)
LAST = BUNDLE.header.output_node
ETHER = 10**18

Told = list[dict[str, Any]]


@contextmanager
def compiled_market(chain: Devnet, folder: Path, bundle: Bundle = BUNDLE) -> Iterator[OpmlMarket]:
    """The compiled digits under `opml`, a subnet of two."""
    base = build(chain, folder)
    with listed(base, bundle.header, *bundle.hashes) as opml:
        yield replace(opml, market=replace(opml.market, files=tuple(bundle.blobs.values())))


@dataclass
class Liar:
    """A claimant and the execution that it stands for."""

    opml: OpmlMarket
    terms: JobTerms
    word: int
    theirs: Execution

    @property
    def job_id(self) -> bytes:
        return self.opml.market.job_id(self.terms)

    @property
    def claim_id(self) -> bytes:
        return claim_id(self.job_id, self.word)

    @property
    def account(self) -> LocalAccount:
        return self.opml.market.operators[0]

    def stands(self) -> bool:
        found = self.opml.verifier.claim_of(self.job_id)
        return found is not None and found.word == self.word

    def players(self) -> list[str]:
        look = self.opml.board.look(self.job_id)
        return [game.challenger for game in look.games] if look else []

    def respond(self) -> bool:
        """Answer one question that waits for us, if there is one."""
        look = self.opml.board.look(self.job_id)
        for game in look.games if look else ():
            if not game.answered_at:
                args = (self.opml.header, self.terms, self.job_id, self.word, game.challenger)
                call = Table(self.opml.verifier, *args).call(answer(self.theirs, game.at))
                self.opml.send(self.account, call)
                return True
        return False

    def play_on(self) -> None:
        """Answer whatever is asked until the claim falls."""
        until(lambda: (self.respond() and False) or not self.stands(), 60)


def claim(opml: OpmlMarket, theirs: Execution = RIGHT, **changes: Any) -> Liar:
    """A job over GIVEN, and a claim to ``theirs``, which may be right."""
    terms = opml.terms(GIVEN, **changes)
    opml.post(terms, GIVEN)
    word = opml.claim(terms, theirs.outputs[LAST].data)
    return Liar(opml, terms, word, theirs)


def wrong(node: int = 0) -> Execution:
    """One byte of a node is another, and one of the output."""
    return lied(lied(RIGHT, node), LAST) if node != LAST else lied(RIGHT, LAST)


def settings_of(opml: OpmlMarket, name: str, **changes: Any) -> Settings:
    """A watcher's, with the model's files in its store (``stocked``)."""
    if changes.pop("stocked", True):
        opml.market.stock(name)
    base = opml.market.settings(name)
    home = opml.market.folder / name
    urls = changes.pop("rpc_urls", (opml.market.chain.url,))
    vouching = {"required": changes.pop("vouching_required", True)}
    watch = {
        "database": f"sqlite:///{home}/watch.db",
        "listen_port": 0,
        "window_margin_seconds": 5,
        "sweep_seconds": 1,
    }
    return base.model_copy(
        update={
            "chain": base.chain.model_copy(update={"rpc_urls": tuple(urls)}),
            "watch": base.watch.model_validate(watch | changes),
            "vouching": base.vouching.model_validate(vouching),
        }
    )


class Watching(Background):
    """A watcher in a thread of this process, and all that it told."""

    def __init__(self, watcher: Watcher, told: Told) -> None:
        super().__init__(watcher)
        self.watcher = watcher
        self.told = told
        self.start()

    def heard(self, what: str) -> Told:
        return [one for one in self.told if one["what"] == what]

    def codes(self) -> list[str]:
        return [one["code"] for one in self.heard("left")]


@contextmanager
def watching(
    opml: OpmlMarket, account: LocalAccount, name: str | None = None, **changes: Any
) -> Iterator[Watching]:
    """A watcher, ready; in the end it is abandoned, as if it had crashed."""
    settings = settings_of(opml, name or account.address, **changes)
    told: Told = []
    signer = None if settings.watch.dry_run else account

    def tell(what: str, **fields: Any) -> None:
        told.append({"what": what, **fields})

    running = Watching(Watcher(settings, account.address, signer, tell), told)
    try:
        yield running
    finally:
        running.abandon()


def challengers(opml: OpmlMarket) -> Sequence[LocalAccount]:
    """Accounts that play no other role."""
    return opml.market.chain.accounts[7:9]
