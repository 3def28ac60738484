# SPDX-License-Identifier: Apache-2.0
"""A game as it was played, from the chain: who moved when, where to, and what it cost.

What the claimant says is read from its moves. What is right is known to whoever ran the job again:
with an execution of its own each turn also has the node's name and the true value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from eth_abi.abi import decode
from eth_utils.abi import function_abi_to_4byte_selector, get_abi_input_types
from web3.exceptions import TransactionNotFound

from offchain_workers.chain.contracts.opml import OpmlVerifier, Position
from offchain_workers.chain.events import Event
from offchain_workers.chain.past import Past
from offchain_workers.challenger.docket import ENDS
from offchain_workers.challenger.errors import GameUnknownError
from verifiers.opml.board import begin, claim_id, question_key
from verifiers.opml.line import descend
from verifiers.opml.merkle import LEAF_BYTES
from verifiers.opml.moves import ELEMENT, NAMED, TENSOR, TRACE, Path
from verifiers.opml.openings import Execution
from verifiers.opml.program import Op

_ABOUT = ("Claimed", "Finalised", "Refuted", "Opened", "Traced", "Picked", "GameClosed")
_PROVED = 1
_SIGNED = 2


@dataclass(frozen=True)
class Turn:
    """One move. ``nodes``, ``chunks``: the first and last that are left to dispute; ``op`` and
    ``name`` of a single node; ``element`` with both sides' values once the game is about one."""

    block: int
    tx: bytes
    player: str
    move: str
    gas: int | None = None
    nodes: tuple[int, int] | None = None
    op: str | None = None
    name: str | None = None
    chunks: tuple[int, int] | None = None
    element: int | None = None
    claimed: int | None = None
    right: int | None = None


@dataclass(frozen=True)
class Own:
    """A job that we ran again; ``names``: what its publisher calls the nodes, or none."""

    execution: Execution
    names: Sequence[str] = ()


@dataclass(frozen=True)
class Story:
    """One challenger's game against one claim. ``state``: playing, or how it ended."""

    job_id: bytes
    claim: int
    claimant: str
    challenger: str
    state: str
    turns: Sequence[Turn]

    @property
    def over(self) -> bool:
        return self.state != "playing"

    def gas(self, player: str) -> int:
        """All that one side's moves used."""
        return sum(turn.gas or 0 for turn in self.turns if turn.player == player)


class Narrator:
    """Reads games of one deployment; opcodes, names and values only of jobs that were run again."""

    def __init__(self, verifier: OpmlVerifier, start_block: int) -> None:
        self._verifier = verifier
        self._past = Past(verifier, start_block)

    def story(self, job_id: bytes, challenger: str | None = None, own: Own | None = None) -> Story:
        """The last game about a job, or the last of ``challenger``. Raises GameUnknownError."""
        head = self._verifier.w3.eth.block_number
        events = list(self._past.newest_first(_ABOUT, job_id, head))
        opened = next(
            (
                e
                for e in events
                if e.name == "Opened" and challenger in (None, e.args["challenger"])
            ),
            None,
        )
        if opened is None:
            raise GameUnknownError(f"no game about job 0x{job_id.hex()}")
        who, word = opened.args["challenger"], opened.args["claim"]
        ours = [e for e in reversed(events) if _belongs(e, opened)]
        turns = sorted(self._turns(ours, claim_id(job_id, word), own, head), key=_when)
        ending = next((e for e in reversed(ours) if e.name == "GameClosed"), None)
        claimant = next(e.args["operator"] for e in ours if e.name == "Claimed")
        state = "playing" if ending is None else ENDS.get(ending.args["reason"], "ended")
        return Story(job_id, word, claimant, who, state, [turn for _, turn in turns])

    def _turns(
        self, events: Sequence[Event], named: bytes, own: Own | None, head: int
    ) -> Iterator[tuple[tuple[int, int], Turn]]:
        """Each with its place on the chain."""
        scribe = _Scribe(self._verifier, own)
        start = at = begin(events[0].args["claim"])
        for event in events:
            if event.name == "Claimed":
                yield _spot(event), scribe.plain(event, "claimant", "claim")
            elif event.name == "Opened" and (first := _named_by(event, events)) is not None:
                yield _spot(event), scribe.at(event, "challenger", "open", first)
            elif event.name == "Opened":
                yield _spot(event), scribe.plain(event, "challenger", "open")
            elif event.name == "Traced":
                yield _spot(event), scribe.at(event, "claimant", "trace", start)
            elif event.name == "Picked":
                at = Position(**event.args["at"])
                if at.stage != NAMED:
                    yield _spot(event), scribe.at(event, "challenger", "pick", at)
                # The trace, which is asked for at the start, has an event of its own.
                if at != start and (answer := self._answer(named, at, head)) is not None:
                    yield _spot(answer), scribe.at(answer, "claimant", "answer", at)
            elif event.name == "GameClosed":
                yield _spot(event), scribe.ending(event, at)

    def _answer(self, named: bytes, at: Position, head: int) -> Event | None:
        key = question_key(named, at)
        found = self._past.newest_first(("Answered",), key, head)
        return next((event for event in found if event.args["claim_id"] == named), None)


class _Scribe:
    """Writes one turn."""

    def __init__(self, verifier: OpmlVerifier, own: Own | None) -> None:
        self._verifier = verifier
        self._execution = own.execution if own else None
        self._names = own.names if own else ()

    def plain(self, event: Event, player: str, move: str) -> Turn:
        """A move that leads nowhere yet."""
        return self._turn(event, player, move)

    def at(self, event: Event, player: str, move: str, at: Position) -> Turn:
        """A move that leads to, or answers, a position."""
        first, last = at.node_index << at.levels, ((at.node_index + 1) << at.levels) - 1
        if at.stage == TRACE:
            what = {} if at.levels else self._what(first)
            return self._turn(event, player, move, nodes=(first, last), **what)
        j = at.node_index
        fields: dict[str, Any] = {"nodes": (j, j), **self._what(j)}
        if at.stage == TENSOR:
            fields["chunks"] = (at.place << at.levels, ((at.place + 1) << at.levels) - 1)
        elif at.stage in (ELEMENT, NAMED):
            chunk = at.place // LEAF_BYTES
            fields |= {"chunks": (chunk, chunk), **self._values(at)}
        return self._turn(event, player, move, **fields)

    def ending(self, event: Event, at: Position) -> Turn:
        reason = event.args["reason"]
        move = {1: "prove", 2: "timeout", 4: "timeout", 5: "close"}.get(reason, "end")
        player = "claimant" if reason == 4 else "challenger"
        if reason == _PROVED and (path := self._proof(event)) is not None:
            return self.at(event, player, move, descend(at, path))
        return self._turn(event, player, move)

    def _turn(self, event: Event, player: str, move: str, **fields: Any) -> Turn:
        return Turn(event.block_number, event.tx_hash, player, move, self._gas(event), **fields)

    def _what(self, j: int) -> dict[str, Any]:
        """A node's opcode and name, as far as they are known."""
        if self._execution is None or j >= len(self._execution.nodes):
            return {}
        code = self._execution.nodes[j].opcode
        op = Op(code).name if code in set(Op) else f"opcode {code}"
        return {"op": op, "name": self._names[j] if j < len(self._names) else None}

    def _values(self, at: Position) -> dict[str, Any]:
        """``at.node`` holds the claimed element's 32 bytes, unless it is only named."""
        if self._execution is None or at.node_index >= len(self._execution.nodes):
            return {"element": at.place}
        code = self._execution.nodes[at.node_index].out_code & 3
        width, own = 1 << code, self._execution.outputs[at.node_index].data
        start = at.place % 32
        right = _number(own[at.place : at.place + width].ljust(width, b"\0"), code)
        if at.stage == NAMED:
            return {"element": at.place >> code, "right": right}
        claimed = _number(at.node[start : start + width], code)
        return {"element": at.place >> code, "claimed": claimed, "right": right}

    def _gas(self, event: Event) -> int | None:
        try:
            receipt = self._verifier.w3.eth.get_transaction_receipt(cast(Any, event.tx_hash))
        except TransactionNotFound:
            return None
        return int(receipt["gasUsed"])

    def _proof(self, event: Event) -> Path | None:
        """The path that was proved, unless another contract called for the challenger."""
        sent = self._verifier.w3.eth.get_transaction(cast(Any, event.tx_hash))
        data = bytes(sent["input"])
        entry: Any = next(one for one in self._verifier.abi if one.get("name") == "prove")
        if data[:4] != function_abi_to_4byte_selector(entry):
            return None
        return Path(*decode(get_abi_input_types(entry), data[4:])[3])


def _named_by(opened: Event, events: Sequence[Event]) -> Position | None:
    """The element with which a game was opened: the same call's other event."""
    mine = (e for e in events if e.name == "Picked" and e.tx_hash == opened.tx_hash)
    places = (Position(**event.args["at"]) for event in mine)
    return next((at for at in places if at.stage == NAMED), None)


def _belongs(event: Event, opened: Event) -> bool:
    """To the same claim, and to no other challenger's game or an earlier one of the same."""
    if event.args["claim"] != opened.args["claim"]:
        return False
    if event.name in ("Claimed", "Traced", "Refuted", "Finalised"):
        return True
    mine = event.args.get("challenger") == opened.args["challenger"]
    return bool(mine and _spot(event) >= _spot(opened))


def _spot(event: Event) -> tuple[int, int]:
    return event.block_number, event.log_index


def _when(found: tuple[tuple[int, int], Turn]) -> tuple[int, int]:
    return found[0]


def _number(data: bytes, code: int) -> int:
    return int.from_bytes(data, "little", signed=code >= _SIGNED)
