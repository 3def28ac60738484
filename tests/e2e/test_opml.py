# SPDX-License-Identifier: Apache-2.0
"""Method `opml` with every role a process of its own: paid unchallenged, and against a liar."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from offchain_workers.chain.contracts import JobStatus
from offchain_workers.chain.contracts.opml import OpmlVerifier
from offchain_workers.chain.errors import CallRevertedError
from offchain_workers.chain.wallet import Wallet
from offchain_workers.requester.posting import Prepared
from offchain_workers.requester.results import history
from tests.e2e.opml import OpmlNet, opml_net
from tests.operator.world import until
from tests.opml.compiled import GIVEN, LABEL
from tests.opml.lies import lied
from verifiers.opml.board import OpenGame
from verifiers.opml.calls import Table
from verifiers.opml.method import patience
from verifiers.opml.moves import Challenge

PATIENCE = 60.0


@pytest.fixture(scope="module", params=["embedded", pytest.param("anvil", marks=pytest.mark.anvil)])
def net(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpmlNet]:
    with opml_net(tmp_path_factory.mktemp("opml"), request.param) as market:
        yield market


def posted(net: OpmlNet) -> Prepared:
    """A job that a worker owes, once it has claimed."""
    wallet = net.net.wallet("requester")
    prepared = net.posting.prepare(wallet.address, [GIVEN])
    assert prepared.acceptance is not None, prepared.notes
    wallet.send(prepared.call)
    until(lambda: status(net, prepared) is JobStatus.PENDING, PATIENCE)
    return prepared


def status(net: OpmlNet, prepared: Prepared) -> JobStatus:
    return net.net.network.marketplace.job(prepared.job_id).status


def pay(net: OpmlNet, prepared: Prepared) -> None:
    """The window passes, and the worker does the rest."""
    look = net.board.look(prepared.job_id)
    assert look is not None
    net.at(patience(net.board, look))
    until(lambda: status(net, prepared) is JobStatus.PAID, PATIENCE)


def test_a_claim_is_paid_after_its_window_though_its_worker_was_killed(net: OpmlNet) -> None:
    prepared = posted(net)
    primary = net.posting.members[prepared.terms.primary].operator
    net.worker(primary).kill()
    net.worker(primary).restart()
    pay(net, prepared)
    past = history(net.net.pool, net.net.network, prepared.job_id)
    [answer] = past.answers(net.bundle.card)
    assert answer["label"] == LABEL
    assert past.job.operator == primary


class Liar:
    """A challenger that insists on another value of one node."""

    def __init__(self, net: OpmlNet, prepared: Prepared, node: int) -> None:
        self.net, self.job_id = net, prepared.job_id
        right = net.bundle.program.execution(GIVEN)
        found = net.board.look(self.job_id)
        assert found is not None
        self.account = net.funded("liar")
        self.verifier: OpmlVerifier = net.board.verifier
        header, claim = net.bundle.header, found.claim.word
        args = header, prepared.terms, self.job_id, claim, self.account.address
        self.table = Table(self.verifier, *args)
        claimed = right.outputs[header.output_node].commitment
        self.challenge = Challenge(header, lied(right, node), claimed)
        self.bond = 2 * self.verifier.bond_to_open()
        Wallet(net.net.pool.w3, self.account).send(self.table.open(self.bond))

    @property
    def game(self) -> OpenGame | None:
        look = self.net.board.look(self.job_id)
        return look.games[0] if look and look.games else None

    def play(self) -> int:
        """Until there is nothing to say; returns the number of moves."""
        moves = 0
        while True:
            until(lambda: (game := self.game) and game.answered_at, PATIENCE)
            game = self.game
            assert game is not None
            move = self.challenge.next_move(game.at, self.net.board.published(game))
            try:
                Wallet(self.net.net.pool.w3, self.account).send(self.table.call(move))
            except CallRevertedError:
                return moves
            moves += 1


def test_a_liar_plays_loses_its_bond_and_changes_nothing(net: OpmlNet) -> None:
    prepared = posted(net)
    primary = net.posting.members[prepared.terms.primary].operator
    liar = Liar(net, prepared, 0)
    credit = int(liar.verifier.read("credit", primary))
    assert liar.play() >= 1
    game = liar.game
    assert game is not None
    net.at(game.challenger_until + 1)
    until(lambda: liar.game is None, PATIENCE)
    assert int(liar.verifier.read("credit", primary)) - credit == liar.bond // 2
    assert int(liar.verifier.read("credit", liar.account.address)) == 0
    pay(net, prepared)


@pytest.mark.slow
def test_a_person_posts_and_reads_with_the_command_line(net: OpmlNet, tmp_path: Path) -> None:
    image = tmp_path / "digit.bin"
    image.write_bytes(GIVEN)
    job = fusion(net, "post", "--model", "digits-opml", "--input", str(image), "--method", "opml",
                 "--members", "2", "--account", "requester")  # fmt: skip
    assert job["accepted"], job["not_accepted"]
    job_id = str(job["id"])
    until(lambda: fusion(net, "job", "show", job_id)["status"] == "pending", PATIENCE)
    look = net.board.look(bytes.fromhex(job_id[2:]))
    assert look is not None
    net.at(patience(net.board, look))
    shown = fusion(net, "job", "watch", job_id)
    assert shown["status"] == "paid"
    assert shown["answers"][0]["label"] == LABEL


def fusion(net: OpmlNet, *args: str) -> dict[str, Any]:
    """The JSON of a command, as the requester's process prints it."""
    command = [sys.executable, "-m", "offchain_workers.cli", "--config", str(net.net.layout.config)]
    done = subprocess.run(
        [*command, *args, "--json"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document
