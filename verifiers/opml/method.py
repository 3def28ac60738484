# SPDX-License-Identifier: Apache-2.0
"""Method `opml`: claim under a bond, answer whoever plays against the claim, finalise.

All that a claim needs is found on the chain and computed again from the job's input; what is
remembered here only saves time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from offchain_workers.chain.call import Call, Multicall
from offchain_workers.chain.contracts import JobTerms, Network
from offchain_workers.chain.contracts.audits import OpmlAudits
from offchain_workers.chain.contracts.base import ZERO_ADDRESS
from offchain_workers.chain.contracts.opml import MAX_CALLS, OPML, OpmlVerifier
from offchain_workers.chain.contracts.terms import ZERO_32
from offchain_workers.models import ModelCard
from verifiers.base import Assignment, Auditor, Candidate, Earning, ModelView
from verifiers.errors import StakeNotFreeError
from verifiers.opml import gate
from verifiers.opml.audit import OpmlAuditor
from verifiers.opml.board import Board, Look, OpenGame
from verifiers.opml.calls import Table
from verifiers.opml.few import Few
from verifiers.opml.files import TRACE_FILE, Files
from verifiers.opml.merkle import Tensor
from verifiers.opml.moves import Move, answer
from verifiers.opml.openings import Execution
from verifiers.opml.play_errors import ItemCountError, NotListedError
from verifiers.opml.trace import Tracer

# Whole-transaction gas of a claim and of its end, with a fiftieth of a trace's, for audits ask for
# one and pay none; then what each byte of output adds (calldata, event, hashing).
_GAS, _GAS_PER_BYTE = 200_000, 40
_CALLBACK_INPUT = 4_096
_MAX_OUTPUT = 16_384
# A bond is asked for in millionths of a coin.
_BOND_UNIT = 10**12
# An end waits for a claim to travel with: this share of the claim's window, seconds at most.
_PATIENCE_SHARE, _MOST_PATIENCE = 10, 600


class OpmlMethod:
    """See the module."""

    name = "opml"
    selector = OPML

    def __init__(self) -> None:
        self._tracers: Few[Tracer] = Few(1)
        self._executions: Few[Execution] = Few(2)

    def commit_input(self, items: Sequence[bytes], model: ModelView) -> bytes:
        """The commitment of the one item as a tensor. Raises ItemCountError."""
        if len(items) != 1:
            raise ItemCountError(f"a job under opml has one input, not {len(items)}")
        return Tensor(items[0]).commitment

    def check_terms(self, terms: JobTerms, card: ModelCard) -> str | None:
        """One item, of a size that the contract takes; an artifact."""
        if terms.artifact_id == ZERO_32:
            return "the model has no artifact under opml"
        if terms.n != 1:
            return f"{terms.n} items, opml takes one"
        if card.item_bytes_out > _MAX_OUTPUT:
            return f"{card.item_bytes_out} bytes of output, at most {_MAX_OUTPUT}"
        if terms.callback_target != ZERO_ADDRESS and card.item_bytes_in > _CALLBACK_INPUT:
            return f"a callback on {card.item_bytes_in} bytes of input, at most {_CALLBACK_INPUT}"
        return None

    def admit(self, candidate: Candidate) -> None:
        """The self-test. A model without an artifact never gets a job under this method."""
        if candidate.artifact_id != ZERO_32:
            gate.admit(candidate)

    def locks(self, network: Network, jobs: Sequence[JobTerms]) -> int:
        """A claim locks twice a challenger's bond, or what its requester asks for."""
        least = -(-2 * board_of(network).verifier.bond_to_open() // _BOND_UNIT)
        return sum(max(least, terms.bond) * _BOND_UNIT for terms in jobs)

    def delivery_gas(self, terms: JobTerms, output_bytes: int) -> int:
        """Of claiming and finalising; answers are paid for by the bonds of lost challenges."""
        return _GAS + _GAS_PER_BYTE * output_bytes

    def deliver(self, job: Assignment) -> Call:
        """The claim. Raises StakeNotFreeError when its bond is more than the free stake."""
        verifier, header = board_of(job.network).verifier, Files.of(job).header()
        bond, free = verifier.bond_to_claim(job.terms), _free_stake(job)
        if free < bond:
            raise StakeNotFreeError(f"a claim locks {bond} wei of stake, {free} are free")
        has_callback = job.terms.callback_target != ZERO_ADDRESS
        given = job.items()[0] if has_callback else b""
        return verifier.claim(job.terms, header.abi(), job.output(), given)

    def auditor(self, network: Network, operator: str, budget: int) -> Auditor | None:
        """Where the market's verifier knows a contract of audits."""
        verifier = OpmlVerifier.of(network)
        audits = OpmlAudits.of(verifier) if verifier else None
        if audits is None:
            return None
        return OpmlAuditor(network, board_of(network), audits, operator, budget, self._execution)

    def earnings(self, network: Network, operator: str, to: str) -> Sequence[Earning]:
        """Bonds of challengers who gave up, and rewards; the pay of audits."""
        verifier = OpmlVerifier.of(network)
        if verifier is None:
            return ()
        owing = {"opml": verifier, "opml-audits": OpmlAudits.of(verifier)}
        return [
            Earning(at, int(one.read("credit", operator)), one.call("withdraw", to))
            for at, one in owing.items()
            if one is not None
        ]

    def multicall(self, network: Network) -> Multicall | None:
        """Claims and their ends, which travel at half the price and less."""
        verifier = OpmlVerifier.of(network)
        if verifier is None:
            return None
        join, most = verifier.multicall, MAX_CALLS
        return Multicall(verifier.address, verifier.rides, join, most, verifier.is_end)

    # --- a pending claim ----------------------------------------------------------------------

    def follow_up(self, job: Assignment) -> Sequence[Call]:
        """Answers that are due, late challengers' bonds; the end when nobody plays any more."""
        board = board_of(job.network)
        look = board.look(job.job_id)
        if look is None:
            return ()
        if not look.games:
            return self._finalised(job, board, look)
        late = [
            table_of(job, look, game.challenger).challenger_timeout()
            for game in look.games
            if game.answered_at and look.now > game.challenger_until
        ]
        return [*late, *self._answers(job, look)]

    def _finalised(self, job: Assignment, board: Board, look: Look) -> Sequence[Call]:
        if look.now <= look.claim.final_at:
            return ()
        terms = job.terms
        if terms.callback_target != ZERO_ADDRESS and not terms.callback_eager:
            return (board.verifier.finalise(terms, job.output()),)
        end = board.verifier.finalise_due(terms)
        # The next claim may need this one's bond.
        is_short = _free_stake(job) < board.verifier.bond_to_claim(terms)
        return (end if is_short else replace(end, patience=patience(board, look)),)

    def _answers(self, job: Assignment, look: Look) -> list[Call]:
        """One for each different question that waits for us, the most urgent first."""
        waiting = sorted(
            (game for game in look.games if not game.answered_at),
            key=lambda game: game.claimant_until,
        )
        asked: dict[bytes, OpenGame] = {}
        for game in waiting:
            asked.setdefault(game.key, game)
        answers = ((game, self.answer(job, look, game)) for game in asked.values())
        return [table_of(job, look, game.challenger).call(move) for game, move in answers if move]

    def answer(self, job: Assignment, look: Look, game: OpenGame) -> Move | None:
        """What a game's question gets; None while there is nothing to say."""
        return answer(self._execution(job), game.at)

    def _execution(self, job: Assignment) -> Execution:
        """Computed again, unless it was just now; one at a time, for the memory's sake."""
        terms = job.terms
        key = terms.artifact_id, terms.input_commitment
        return self._executions.get(key, lambda: self._tracer(job).execution(job.items()[0]))

    def _tracer(self, job: Assignment) -> Tracer:
        files = Files.of(job)
        return self._tracers.get(
            job.terms.artifact_id, lambda: Tracer(files.program(), files.onnx(TRACE_FILE))
        )


def table_of(job: Assignment, look: Look, challenger: str) -> Table:
    """A challenger's game against the job's claim."""
    verifier, header = board_of(job.network).verifier, Files.of(job).header()
    return Table(verifier, header, job.terms, job.job_id, look.claim.word, challenger)


def patience(board: Board, look: Look) -> int:
    """The chain's time until which a worker's end of a claim may wait for company."""
    window = look.claim.final_at - board.claimed_at(look)
    return look.claim.final_at + 1 + min(window // _PATIENCE_SHARE, _MOST_PATIENCE)


def _free_stake(job: Assignment) -> int:
    found = job.network.subnets.operator(job.operator)
    return found.free if found else 0


@lru_cache(maxsize=8)
def board_of(network: Network) -> Board:
    """A market never changes a method's contract."""
    found = Board.of(network)
    if found is None:
        raise NotListedError("the market does not list method opml")
    return found
