# SPDX-License-Identifier: Apache-2.0
"""A dispute one can watch: the descent of a game, move by move, as it is played."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from offchain_workers.cli.arguments import address, identifier
from offchain_workers.cli.network import Connection, connect
from offchain_workers.cli.output import emit, plain, printable
from offchain_workers.cli.progress import warn
from offchain_workers.cli.run import Run
from offchain_workers.errors import FusionError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from offchain_workers.challenger.story import Narrator, Own, Story, Turn

_PAUSE_SECONDS = 1.0


def show_game(run: Run, job: str, challenger: str | None, follow: bool) -> None:
    """Raises GameUnknownError, NotListedError."""
    job_id = identifier(job, "job")
    who = address(challenger) if challenger else None
    connection = connect(run)
    narrator = _narrator(connection)
    narrator.story(job_id, who)  # whether there is one at all, before the job is run again
    own = _own(connection, job_id)
    story = narrator.story(job_id, who, own)
    if not follow:
        emit(run, document(story), lambda: picture(story))
        return

    def later() -> Story:
        time.sleep(_PAUSE_SECONDS)
        connection.pool.refresh()
        return narrator.story(job_id, story.challenger, own)

    (_follow_json if run.as_json else _follow)(story, later)


def _narrator(connection: Connection) -> Narrator:
    from offchain_workers.chain.contracts.opml import OpmlVerifier
    from offchain_workers.challenger.story import Narrator
    from verifiers.opml.play_errors import NotListedError

    verifier = OpmlVerifier.of(connection.network)
    if verifier is None:
        raise NotListedError("the market does not list method opml")
    return Narrator(verifier, connection.network.start_block)


def _own(connection: Connection, job_id: bytes) -> Own | None:
    """For names and the right values; without the model's files the game is shown without them."""
    from offchain_workers.challenger.rerun import rerun

    try:
        return rerun(connection.settings, connection.network, job_id)
    except FusionError as error:
        warn(f"no values of our own: {error}")
        return None


# --- what it looks like -----------------------------------------------------------------------


def document(story: Story) -> dict[str, Any]:
    """The story as JSON has it."""
    return {
        "job": story.job_id,
        "claim": str(story.claim),
        "claimant": story.claimant,
        "challenger": story.challenger,
        "state": story.state,
        "gas": {player: story.gas(player) for player in ("claimant", "challenger")},
        "turns": list(story.turns),
    }


def picture(story: Story) -> RenderableType:
    """A table of the moves under a line that says whose game it is."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("Block", "Player", "Move", "Where", "Claimed", "Right", "Gas"):
        justify = "right" if heading in ("Claimed", "Right", "Gas") else "left"
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for turn in story.turns:
        style = "cyan" if turn.player == "challenger" else "magenta"
        table.add_row(*map(printable, _cells(turn)), style=style)
    head = f"job 0x{story.job_id.hex()}\n{story.challenger} against {story.claimant}"
    sums = ", ".join(f"{who} {story.gas(who):,}" for who in ("claimant", "challenger"))
    return Group(Text(head), "", table, "", Text(f"{story.state}; gas: {sums}"))


def _cells(turn: Turn) -> list[str]:
    values = (_value(turn.claimed), _value(turn.right))
    gas = "-" if turn.gas is None else f"{turn.gas:,}"
    return [str(turn.block), turn.player, turn.move, where(turn), *values, gas]


def where(turn: Turn) -> str:
    """How far down the game is."""
    if turn.nodes is None:
        return ""
    parts = [_span("node", turn.nodes) + _what(turn)]
    if turn.chunks is not None:
        parts.append(_span("chunk", turn.chunks))
    if turn.element is not None:
        parts.append(f"element {turn.element}")
    return " > ".join(parts)


def _what(turn: Turn) -> str:
    """Of a single node: the publisher's name for it in quotes, it is no word of ours."""
    name = f' "{turn.name}"' if turn.name else ""
    return name + (f" {turn.op}" if turn.op else "")


def _span(what: str, ends: tuple[int, int]) -> str:
    first, last = ends
    return f"{what} {first}" if first == last else f"{what}s {first}-{last}"


def _value(number: int | None) -> str:
    return "" if number is None else str(number)


# --- as it goes -------------------------------------------------------------------------------


def _follow(story: Story, later: Any) -> None:
    from rich.console import Console
    from rich.live import Live

    with Live(picture(story), console=Console(), auto_refresh=False) as live:
        while not story.over:
            story = later()
            live.update(picture(story), refresh=True)


def _follow_json(story: Story, later: Any) -> None:
    """A line for each move."""
    told = 0
    while True:
        for turn in story.turns[told:]:
            print(json.dumps(plain(turn)), flush=True)
        told = len(story.turns)
        if story.over:
            return
        story = later()
