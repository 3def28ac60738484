# SPDX-License-Identifier: Apache-2.0
"""`fusion demo --method opml`: somebody lies, somebody watches, and one can watch both."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from offchain_workers.cli.output import emit, fields, table
from offchain_workers.cli.run import Run
from offchain_workers.errors import FusionError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from offchain_workers.devnet import Kind
    from offchain_workers.localnet.dispute import Dispute
    from offchain_workers.localnet.opml import OpmlMarket
    from offchain_workers.localnet.verdict import Verdict

# A worker that answers a wrong digit and stands by it, down to the sums.
USUAL = "wrong-partial-sum"
LIST = "list"
_OUTCOME = {
    "status": "Job",
    "label": "Answer",
    "served": "Served by",
    "price": "For",
    "slashed": "Slashed",
    "rewarded": "Rewarded",
    "lost": "Bonds lost",
}
# Of many games a person is shown so many; --json has all.
_SHOWN = 3


def play(
    run: Run, adversary: str, chain: Kind, keep: Path | None, say: Callable[[str], None]
) -> None:
    """Raises UnknownAdversaryError, and MN-CLI-031 when the honest side did not win."""
    from verifiers.opml.adversaries.attacks import ADVERSARIES
    from verifiers.opml.adversaries.errors import UnknownAdversaryError

    if adversary == LIST:
        emit(run, list(ADVERSARIES), lambda: "\n".join(ADVERSARIES))
        return
    if adversary not in ADVERSARIES:
        raise UnknownAdversaryError(f"no adversary {adversary[:64]!r}: --adversary list names them")
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fusion-")))
        market = _market(stack, folder, adversary, chain, say)
        verdict = _watch(run, stack, market, adversary, say)
        document = _document(market, adversary, verdict)
        emit(run, document, lambda: _outcome(document))
    if verdict.ok:
        return
    if run.as_json:
        raise typer.Exit(1)  # the document says what is not so
    raise FusionError("MN-CLI-031", "the honest side of the dispute did not win")


def _market(
    stack: ExitStack, folder: Path, adversary: str, chain: Kind, say: Callable[[str], None]
) -> OpmlMarket:
    from offchain_workers.localnet.opml import start_market
    from offchain_workers.models.demo import digits_cnn
    from verifiers.opml.adversaries.attacks import ATTACKS
    from verifiers.opml.adversaries.cast import LYING_WORKERS
    from verifiers.opml.adversaries.publishers import PUBLISHERS

    attack = ATTACKS.get(adversary)
    publisher = adversary if adversary in PUBLISHERS else None
    league = attack.liar if attack is not None else ""
    liar = adversary if adversary in LYING_WORKERS else league or None
    # Who runs ahead of others needs transactions that wait for a block.
    block_time = 1 if attack is not None and attack.copies else None
    return start_market(stack, folder, digits_cnn(), liar, chain, block_time, say, publisher)


def _watch(
    run: Run, stack: ExitStack, market: OpmlMarket, adversary: str, say: Callable[[str], None]
) -> Verdict:
    """Draw the games while they are played, where there is a terminal."""
    from rich.console import Console
    from rich.live import Live

    from offchain_workers.localnet.dispute import Dispute

    console = Console(highlight=False, markup=False, emoji=False)
    if run.as_json or not console.is_terminal:
        dispute = Dispute(market, adversary, say)
        verdict = dispute.run(stack)
        if not run.as_json:
            Console(width=160, highlight=False, markup=False).print(_games(dispute))
        return verdict
    dispute = Dispute(market, adversary)
    with Live(console=console, refresh_per_second=4) as live:
        dispute.on_change(lambda: live.update(_games(dispute)))
        return dispute.run(stack)


def _games(dispute: Dispute) -> RenderableType:
    from rich.console import Group

    from offchain_workers.cli.watch_game import picture

    return Group(*(picture(story) for story in dispute.stories[:_SHOWN]))


def _document(market: OpmlMarket, adversary: str, verdict: Verdict) -> dict[str, Any]:
    from offchain_workers.cli.watch_game import document

    devnet = market.net.devnet
    games = [document(story) for story in verdict.stories]
    for game in games:
        names = {f"{role}_name": market.name(game[role]) for role in ("claimant", "challenger")}
        game.update(names)
    return {
        "chain": {"kind": devnet.kind, "id": devnet.chain_id, "url": devnet.url},
        "method": "opml",
        "adversary": adversary,
        "job": {
            "model": market.card.name,
            "status": verdict.status,
            "operator": verdict.operator,
            "served": market.name(verdict.operator) if verdict.operator else None,
            "price": verdict.price,
            "output": verdict.answer,
            "gas": verdict.gas,
        },
        "games": games,
        "slashed": _named(market, verdict.slashed),
        "rewarded": _named(market, verdict.rewarded),
        "lost": _named(market, verdict.lost),
        "checks": verdict.checks,
        "ok": verdict.ok,
    }


def _named(market: OpmlMarket, amounts: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": market.name(who), "address": who, "amount": amount}
        for who, amount in amounts.items()
    ]


def _outcome(document: dict[str, Any]) -> RenderableType:
    from rich.console import Group

    job = document["job"]
    shown: dict[str, Any] = {
        name: _sums(document[name]) for name in ("slashed", "rewarded", "lost")
    }
    shown |= {"status": job["status"], "label": job["output"].get("label"), "served": job["served"]}
    shown["price"] = None if job["price"] is None else _amount(job["price"])
    checks = [{"what": what, "so": so} for what, so in document["checks"].items()]
    return Group(fields(shown, _OUTCOME), "", table(checks, {"what": "", "so": ""}))


def _sums(rows: list[dict[str, Any]]) -> str:
    """By name: fifty accounts of one adversary are one line."""
    sums: dict[str, int] = {}
    for row in rows:
        sums[row["name"]] = sums.get(row["name"], 0) + int(row["amount"])
    return ", ".join(f"{name} {_amount(wei)}" for name, wei in sums.items()) or "nobody"


def _amount(wei: int) -> str:
    from offchain_workers.units import Wei, format_amount

    return format_amount(Wei(wei))
