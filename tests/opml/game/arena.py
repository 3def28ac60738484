# SPDX-License-Identifier: Apache-2.0
"""Method `opml` on titanoboa: its contracts beside the market's, and every role's moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import boa
from boa.contracts.vyper.vyper_contract import VyperContract
from eth_abi.abi import decode
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER, Subnet, deploy
from tests.contracts.terms import Terms
from tests.contracts.world import World
from verifiers.opml.merkle import Tensor
from verifiers.opml.moves import Challenge, Evidence, Move, Path, Position, answer
from verifiers.opml.openings import Execution
from verifiers.opml.program import Header, Node, program_tree

OPML = keccak(text="opml")[:4]
WINDOW, CLOCK = 3_600, 900
BOND = 10**16
FOLDER = "contracts/verifiers/opml"
ANSWERED = keccak(text="Answered(bytes32,bytes32,bytes)")


@dataclass(frozen=True)
class Program:
    """A program with its weights, and how to run it."""

    nodes: list[Node]
    weights: bytes
    input_bytes: int
    run: Callable[[Program, bytes], list[bytes]]
    window: int = WINDOW
    clock: int = CLOCK

    @property
    def header(self) -> Header:
        return Header(
            program_tree(self.nodes).root,
            len(self.nodes),
            len(self.nodes) - 1,
            Tensor(self.weights).commitment,
            self.input_bytes,
            self.nodes[-1].byte_len,
            self.window,
            self.clock,
        )

    def execute(self, given: bytes) -> Execution:
        outputs = [Tensor(data) for data in self.run(self, given)]
        return Execution(self.nodes, Tensor(given), Tensor(self.weights), outputs)


@dataclass
class Arena:
    """A world with a model under `opml`, a subnet for it, and the claims made so far."""

    world: World
    program: Program
    verifier: VyperContract
    subnet: Subnet
    model_id: bytes
    # (claim id, key) -> data
    answers: dict[tuple[bytes, bytes], bytes] = field(default_factory=dict)
    salt: int = 0
    # Every game ever opened, for the sums.
    games: list[Game] = field(default_factory=list)

    @classmethod
    def create(cls, program: Program, members: int = 3) -> Arena:
        world = World.create()
        reduce, element = (deploy(f"{FOLDER}/{name}.vy") for name in ("StepReduce", "StepElement"))
        judge = deploy(f"{FOLDER}/OpmlJudge.vy", reduce.address, element.address)
        verifier = deploy(
            f"{FOLDER}/OpmlVerifier.vy",
            world.market.address,
            world.subnets.address,
            world.models.address,
            judge.address,
            wallet("auditor").address,
            [60, 86_400],
            [60, 7_200],
            BOND,
            0,
        )
        world.add_method("opml", str(verifier.address), 1, 86_400 + 2 * 7_200)
        model_id = world.publish("integers", artifacts=[(OPML, program.header.artifact_id())])
        world.model_id = model_id
        world.staff(members, selector=OPML)
        subnet = world.form_subnet(members, selector=OPML)
        return cls(world, program, verifier, subnet, model_id)

    def copy(self) -> Arena:
        """The same contracts, with records of its own."""
        return replace(self, world=self.world.copy(), answers={**self.answers}, games=[*self.games])

    @property
    def header(self) -> tuple[Any, ...]:
        return self.program.header.abi()

    def post(self, given: bytes, **changes: Any) -> Terms:
        """A job by the requester over these input bytes."""
        self.salt += 1
        start: dict[str, Any] = {
            "selector": OPML,
            "model_id": self.model_id,
            "artifact_id": self.program.header.artifact_id(),
            "input_commitment": Tensor(given).commitment,
            "resolve_by": self.world.now + 3_600 + 2 * 86_400,
            "salt": self.salt.to_bytes(32, "big"),
        }
        terms = self.world.terms(self.subnet, **(start | changes))
        self.world.post(terms, given)
        return terms

    def job_id(self, terms: Terms) -> bytes:
        return self.world.domain.job_id(terms)

    def claim(
        self,
        terms: Terms,
        output: bytes,
        by: LocalAccount | None = None,
        given: bytes = b"",
    ) -> Claim:
        """The first member claims an output, if nobody else is named."""
        claimant = by or self.subnet.members[0]
        with boa.env.prank(claimant.address):
            self.verifier.claim(terms.abi, self.header, output, given)
        # No game is won in the block of the claim; the second is still the same.
        boa.env.evm.patch.block_number += 1
        word, _, _ = self.verifier.claim_of(self.job_id(terms))
        return Claim(self, terms, self.job_id(terms), word, claimant, output)

    def take_answers(self) -> None:
        """Remember what the last call published."""
        for log in self.verifier._computation.get_raw_log_entries():
            _, _, topics, data = log[:4]
            if topics[0] == int.from_bytes(ANSWERED, "big"):
                key, claim_id = (topic.to_bytes(32, "big") for topic in topics[1:])
                self.answers[claim_id, key] = decode(["bytes"], data)[0]

    def credit(self, role: LocalAccount) -> int:
        return int(self.verifier.credit(role.address))


@dataclass
class Claim:
    """One claim and the moves in its games."""

    arena: Arena
    terms: Terms
    job_id: bytes
    word: int
    claimant: LocalAccount
    output: bytes

    @property
    def verifier(self) -> VyperContract:
        return self.arena.verifier

    @property
    def id(self) -> bytes:
        return keccak(self.job_id + self.word.to_bytes(32, "big"))

    def open(self, role: str = "challenger", bond: int = BOND) -> Game:
        account = self.arena.world.fund(role)
        with boa.env.prank(account.address):
            self.verifier.open(self.job_id, self.word, value=bond)
        game = Game(self, account)
        self.arena.games.append(game)
        return game

    def open_at(self, j: int, place: int, role: str = "challenger", bond: int = BOND) -> Game:
        """A game that begins with a question about an element."""
        account = self.arena.world.fund(role)
        with boa.env.prank(account.address):
            self.verifier.open_at(self.job_id, self.word, j, place, value=bond)
        game = Game(self, account)
        self.arena.games.append(game)
        return game

    def publish(self, move: Move, by: str = "keeper") -> None:
        """An answer that nobody asked for, by anyone."""
        with boa.env.prank(wallet(by).address):
            getattr(self.verifier, move.name)(self.job_id, self.word, *move.args)
        self.arena.take_answers()

    def finalise(self, output: bytes = b"") -> None:
        with boa.env.prank(wallet("keeper").address):
            self.verifier.finalise(self.terms.abi, output)


class State(NamedTuple):
    """A game's word, unpacked; clocks in seconds, bond in wei."""

    since: int
    claimant_left: int
    challenger_left: int
    bond: int
    at: Position

    @property
    def stage(self) -> int:
        return self.at.stage


@dataclass
class Game:
    """A challenger's game against a claim."""

    claim: Claim
    challenger: LocalAccount

    @property
    def verifier(self) -> VyperContract:
        return self.claim.verifier

    @property
    def name(self) -> tuple[bytes, int, str]:
        """Job, claim and challenger, as the contract's calls take them."""
        return self.claim.job_id, self.claim.word, self.challenger.address

    @property
    def state(self) -> State:
        since, claimant_left, challenger_left, bond, at = self.verifier.game(*self.name)
        return State(since, claimant_left, challenger_left, bond, Position(*at))

    @property
    def at(self) -> Position:
        """Where it stands."""
        return self.state.at

    @property
    def key(self) -> bytes:
        key: bytes = self.verifier.answer_key(*self.name)
        return key

    @property
    def is_answered(self) -> bool:
        return bool(self.verifier.answered_at(self.claim.id, self.key))

    def send_answer(self, move: Move, by: LocalAccount | None = None) -> None:
        """Play a claimant's move."""
        claim = self.claim
        with boa.env.prank((by or claim.claimant).address):
            if move.name == "post_trace":
                self.verifier.post_trace(claim.job_id, claim.word, *move.args)
            elif move.name in ("answer_partials", "state"):
                getattr(self.verifier, move.name)(*self.name, *move.args)
            else:
                getattr(self.verifier, move.name)(claim.job_id, claim.word, *move.args)
        claim.arena.take_answers()

    def send(self, move: Move) -> None:
        """Play a challenger's move."""
        claim = self.claim
        with boa.env.prank(self.challenger.address):
            if move.name == "pick":
                self.verifier.pick(claim.job_id, claim.word, plain(move.path))
            else:
                terms, header = claim.terms.abi, claim.arena.header
                self.verifier.prove(
                    terms, claim.word, header, plain(move.path), plain(move.evidence)
                )

    def claimant_timeout(self, by: str = "keeper") -> None:
        with boa.env.prank(wallet(by).address):
            claim = self.claim
            challenger = self.challenger.address
            self.verifier.claimant_timeout(claim.terms.abi, claim.word, challenger)

    def challenger_timeout(self, by: str = "keeper") -> None:
        with boa.env.prank(wallet(by).address):
            self.verifier.challenger_timeout(*self.name)

    def close(self, by: str = "keeper") -> None:
        with boa.env.prank(wallet(by).address):
            self.verifier.close(*self.name)

    def collect(self, by: str = "keeper") -> None:
        with boa.env.prank(wallet(by).address):
            self.verifier.collect(*self.name)

    def published(self) -> bytes:
        return self.claim.arena.answers[self.claim.id, self.key]

    def play(self, theirs: Execution, ours: Execution) -> list[str]:
        """Both sides play to the end; returns the names of the moves."""
        header = self.claim.arena.program.header
        output = Tensor(self.claim.output).commitment
        challenge = Challenge(header, ours, output)
        moves: list[str] = []
        while not moves or moves[-1] != "prove":
            if not self.is_answered:
                move = answer(theirs, self.at)
                self.send_answer(move)
            else:
                move = challenge.next_move(self.at, self.published())
                self.send(move)
            moves.append(move.name)
        return moves


def plain(value: Any) -> Any:
    """Named tuples and lists as boa takes them."""
    if isinstance(value, (bytes, int)):
        return value
    if isinstance(value, tuple | list):
        parts: Iterable[Any] = (plain(part) for part in value)
        return list(parts) if isinstance(value, list) else tuple(parts)
    return value


def lied(execution: Execution, j: int, at: int, change: int = 1) -> Execution:
    """One byte of node ``j``'s output is another; later nodes are left as they are."""
    outputs = list(execution.outputs)
    data = bytearray(outputs[j].data)
    data[at] = (data[at] + change) % 256
    outputs[j] = Tensor(bytes(data))
    return replace(execution, outputs=outputs)


__all__ = ["ETHER", "Arena", "Claim", "Evidence", "Game", "Path", "Program", "lied"]
