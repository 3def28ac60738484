# SPDX-License-Identifier: Apache-2.0
"""The process of a dishonest challenger: one claim, one or many accounts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import structlog
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.abi import function_abi_to_4byte_selector

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import JobStatus, Network
from offchain_workers.chain.errors import CallRevertedError, TransactionFailedError
from offchain_workers.chain.hashing import keccak
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.chain.wallet import Wallet
from offchain_workers.challenger.rerun import rerun
from offchain_workers.config import Settings
from offchain_workers.requester.results import history
from verifiers.opml import bundle
from verifiers.opml.adversaries.attacks import ATTACKS, Attack, Scene
from verifiers.opml.adversaries.challengers import Challenger
from verifiers.opml.adversaries.errors import UnknownAdversaryError, need_development_chain
from verifiers.opml.adversaries.method import LAST_SECONDS
from verifiers.opml.board import Board, Look, OpenGame
from verifiers.opml.calls import Table
from verifiers.opml.moves import WON
from verifiers.opml.play_errors import NotListedError

log = structlog.get_logger(__name__)

_PAUSE_SECONDS = 0.2
# What each of many accounts gets for its bond and its gas.
_COINS = 10**18
# How much more a front-runner pays than it is asked to.
_TIP = 20 * 10**9


def attack(
    settings: Settings,
    pool: RpcPool,
    network: Network,
    account: LocalAccount,
    name: str,
    job_id: bytes,
    folder: Path,
) -> None:
    """Play until the claim is decided and the bonds are back, as far as they come back.

    ``folder``: the compiled model's. Raises NotDevelopmentError, UnknownAdversaryError.
    """
    need_development_chain(pool.chain_id)
    if name not in ATTACKS:
        raise UnknownAdversaryError(f"no dishonest challenger {name[:64]!r}")
    board, plan = Board.of(network), ATTACKS[name]
    if board is None:
        raise NotListedError("the market does not list method opml")
    first = int(pool.w3.eth.block_number)
    while network.marketplace.job(job_id).status is JobStatus.UNKNOWN:
        time.sleep(_PAUSE_SECONDS)
    header = bundle.load(folder).header
    players = plan.players(Scene(header, rerun(settings, network, job_id).execution))
    wallets = _wallets(pool, account, len(players))
    terms = history(pool, network, job_id).terms
    while (look := board.look(job_id)) is None:
        time.sleep(_PAUSE_SECONDS)
    tables = [
        Table(board.verifier, header, terms, job_id, look.claim.word, wallet.address)
        for wallet in wallets
    ]
    seats = [Seat(plan, board, *seat) for seat in zip(tables, wallets, players, strict=True)]
    for seat in seats:
        seat.open()
    log.info("opened", games=len(seats))
    _play(seats, Copier(pool, seats[0], first) if plan.copies else None)


def _play(seats: Sequence[Seat], copier: Copier | None) -> None:
    """Until the contract holds no game of ours any more."""
    board, job_id = seats[0].board, seats[0].table.job_id
    while seats:
        time.sleep(_PAUSE_SECONDS)
        if copier is not None:
            copier.copy()
        look = board.look(job_id)
        games = {game.challenger: game for game in look.games} if look else {}
        for seat in seats:
            seat.step(look, games.get(seat.wallet.address))
        seats = [seat for seat in seats if seat.stage]


def _wallets(pool: RpcPool, account: LocalAccount, count: int) -> list[Wallet]:
    """Our own, or so many that we fund."""
    own = Wallet(pool.w3, account)
    if count == 1:
        return [own]
    keys = (keccak(bytes(account.key) + bytes([i])) for i in range(count))
    wallets = [Wallet(pool.w3, cast(LocalAccount, Account.from_key(key))) for key in keys]
    for wallet in wallets:
        own.send(Call(wallet.address, b"", _COINS))
    return wallets


@dataclass
class Seat:
    """One account's game."""

    plan: Attack
    board: Board
    table: Table
    wallet: Wallet
    player: Challenger
    _refused: bytes = b""

    def open(self) -> None:
        self.wallet.send(self.table.open(2 * self.board.verifier.bond_to_open()))

    @property
    def stage(self) -> int:
        """0 when the contract holds no game of ours."""
        args = self.table.job_id, self.table.claim, self.wallet.address
        return int(self.board.verifier.read("game", *args)[-1][0])

    def step(self, look: Look | None, game: OpenGame | None) -> None:
        if look is None or look.claim.word != self.table.claim:
            # What comes back after the claim is decided.
            self._refused = b""
            self.send(self.table.collect() if self.stage == WON else self.table.close())
        elif game is not None and game.answered_at and not self._waits(look, game):
            move = self.player.move(game.at, self.board.published(game))
            if move is not None:
                self.send(self.table.call(move))

    def _waits(self, look: Look, game: OpenGame) -> bool:
        return self.plan.stalls and look.now < game.challenger_until - LAST_SECONDS

    def send(self, call: Call, tip: int | None = None) -> None:
        """Whether the contract takes it is the contract's business; the same is not sent twice."""
        if call.data == self._refused:
            return
        try:
            receipt = self.wallet.send(call, tip=tip)
        except (CallRevertedError, TransactionFailedError) as error:
            self._refused = call.data
            log.info("refused", reason=error.message)
            return
        log.info("sent", gas=receipt["gasUsed"], block=receipt["blockNumber"])


class Copier:
    """Sends again what another challenger of the same claim sends: moves name no sender.

    ``first``: a block before the claim's.
    """

    def __init__(self, pool: RpcPool, seat: Seat, first: int) -> None:
        self._w3 = pool.w3
        self._seat = seat
        self._next = first
        self._done: set[bytes] = set()
        functions = ("pick", "prove")
        abi: list[Any] = [e for e in seat.board.verifier.abi if e.get("name") in functions]
        self._copied = {function_abi_to_4byte_selector(entry) for entry in abi}

    def copy(self) -> None:
        """In the order in which they were sent; those that wait to be mined, for a higher tip."""
        for data in self._seen():
            if data[:4] in self._copied and data not in self._done:
                self._done.add(data)
                self._seat.send(Call(self._seat.board.verifier.address, data), _TIP)

    def _seen(self) -> Iterator[bytes]:
        head = self._w3.eth.block_number
        mined = range(self._next, head + 1)
        self._next = head + 1
        me, verifier = self._seat.wallet.address, self._seat.board.verifier.address
        for number in (*mined, "pending"):
            block = self._w3.eth.get_block(cast(Any, number), full_transactions=True)
            for sent in cast(list[Any], block["transactions"]):
                if sent["from"] != me and sent.get("to") == verifier:
                    yield bytes(sent["input"])
