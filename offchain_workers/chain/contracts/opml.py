# SPDX-License-Identifier: Apache-2.0
"""OpmlVerifier: claims and games of method `opml`, and how it gets onto a chain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from eth_account.signers.local import LocalAccount
from web3.types import TxReceipt

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts.audits import OpmlAudits
from offchain_workers.chain.contracts.base import ZERO_ADDRESS, ContractWrapper
from offchain_workers.chain.contracts.deployment import (
    ETHER,
    Network,
    created_address,
    creation,
)
from offchain_workers.chain.contracts.terms import JobTerms, selector_of
from offchain_workers.chain.hashing import keccak
from offchain_workers.chain.wallet import Wallet

OPML = selector_of("opml")
DAY = 86_400
# A position's stage in a game that was won.
_WON = 4
GWEI = 10**9
# A claim's word tells so many blocks apart.
BLOCKS_NAMED = 2**16

# Of a multicall, as in the contract: so many calls, of so many bytes each.
MAX_CALLS, MAX_CALL_BYTES = 16, 1_280


@dataclass(frozen=True)
class OpmlParams:
    """Immutable constructor choices: bounds in seconds, ``min_bond`` in wei."""

    windows: tuple[int, int] = (1_800, DAY)
    clocks: tuple[int, int] = (900, 14_400)
    min_bond: int = 10**15
    bond_gas: int = 6_000_000
    fee_bps: int = 100
    # Audits: of 65,536 claims so many; what one pays in gas at the base fee, in wei at least. The
    # least pays the priority fees where the base fee is next to nothing: docs/opml-audits.md.
    audit_share: int = 1_311
    audit_gas: int = 1_000_000
    audit_pay: int = 10**14
    # What the deployer pays into the fund, in wei.
    audit_fund: int = 0
    # In which an auditor commits, and then confirms.
    audit_seconds: tuple[int, int] = (900, 900)

    @classmethod
    def development(cls) -> OpmlParams:
        """Short windows and clocks, so that a demo need not wait; audits for tips of a gwei."""
        return cls(
            windows=(20, DAY),
            clocks=(20, 14_400),
            audit_share=8_192,
            audit_pay=2 * 10**15,
            audit_fund=ETHER // 5,
            audit_seconds=(10, 10),
        )

    @property
    def max_delay(self) -> int:
        """The longest time between a claim and its end, when everybody uses all of it."""
        return self.windows[1] + 2 * self.clocks[1]


def block_of(claim: int) -> int:
    """Lower bits of the number of the claim's block, from its word."""
    return claim >> 56 & (BLOCKS_NAMED - 1)


def trace_depth_of(claim: int) -> int:
    """Levels of the trace, from a claim's word (OpmlVerifier describes its fields)."""
    return claim >> 51 & 31


def clock_of(claim: int) -> int:
    """Seconds that each side of a game has, from a claim's word."""
    return claim >> 36 & (2**15 - 1)


class Claim(NamedTuple):
    """A standing claim: the word that names it, when its window ends, how many games are open."""

    word: int
    final_at: int
    games: int


class Position(NamedTuple):
    """Where a game stands, as in IOpmlJudge."""

    stage: int
    levels: int
    node_index: int
    place: int
    byte_len: int
    node: bytes


class Game(NamedTuple):
    """A game of one challenger; ``since`` 0 when there is none. Clocks in seconds, bond in wei."""

    since: int
    claimant_left: int
    challenger_left: int
    bond: int
    at: Position


class OpmlVerifier(ContractWrapper):
    NAME = "OpmlVerifier"

    @classmethod
    def of(cls, network: Network) -> OpmlVerifier | None:
        """The plug-in that the market lists; None on a market without `opml`."""
        listed = network.marketplace.method(OPML)
        return None if listed is None else cls(network.marketplace.w3, listed.plugin)

    def multicall(self, calls: Sequence[Call]) -> Call:
        """Several of our calls as one: all or none. At most MAX_CALLS of MAX_CALL_BYTES, none with
        coins.

        Others can make one fail, and so all: simulate, and leave out what does not go through.
        """
        return self.call("multicall", [call.data for call in calls])

    def rides(self, data: bytes) -> bool:
        """Whether a call is safe among others of the same sender: a claim, or an end if it is due.

        Not when a requester's callback runs in it: with more gas than in the simulation it could
        starve the calls after it. Not what others can make fail: a move in a game that they may
        end before it, a plain end of a claim.
        """
        if len(data) > MAX_CALL_BYTES:
            return False
        return self.is_end(data) or (self._is("claim", 4, data) and not self._calls_back(data))

    def is_end(self, data: bytes) -> bool:
        """Whether it is an end that frees a bond when it is due, and does nothing otherwise."""
        return self._is("finalise_due", 1, data)

    def _is(self, name: str, arguments: int, data: bytes) -> bool:
        return data[:4] == self._functions[name, arguments][0]

    def _calls_back(self, data: bytes) -> bool:
        _, given = self._contract.decode_function_input(data)
        return bool(given["terms"]["callback_target"] != ZERO_ADDRESS)

    def claim_of(self, job_id: bytes, block: int | str = "latest") -> Claim | None:
        """None when no claim stands."""
        found = Claim(*self.read("claim_of", job_id, block=block))
        return found if found.word else None

    def game(
        self, job_id: bytes, claim: int, challenger: str, block: int | str = "latest"
    ) -> Game | None:
        found = self.read("game", job_id, claim, challenger, block=block)
        since, claimant_left, challenger_left, bond, at = found
        if not since:
            return None
        return Game(since, claimant_left, challenger_left, bond, Position(*at))

    def has_won(self, job_id: bytes, claim: int, challenger: str) -> bool:
        """Whether a game is won and its bond not collected yet."""
        return bool(self.read("game", job_id, claim, challenger)[4][0] == _WON)

    def holds_for(self, job_id: bytes, claim: int, account: str) -> bool:
        """Whether it has coins for the account: a game won, or credit after any claim's fall."""
        if self.has_won(job_id, claim, account):
            return True
        fell = self.fell_at(keccak(job_id + claim.to_bytes(32, "big")))
        return fell > 0 and int(self.read("credit", account)) > 0

    def trace_root(self, claim_id: bytes) -> bytes | None:
        """The claimant's; None until it posted its trace."""
        root = bytes(self.read("trace_roots", claim_id))
        return root if any(root) else None

    def answer_key(
        self, job_id: bytes, claim: int, challenger: str, block: int | str = "latest"
    ) -> bytes:
        """What the game waits for from the claimant. Raises CallRevertedError without a game."""
        return bytes(self.read("answer_key", job_id, claim, challenger, block=block))

    def answered_at(self, claim_id: bytes, key: bytes, block: int | str = "latest") -> int:
        """When a question about a claim was answered, 0 when it was not."""
        return int(self.read("answered_at", claim_id, key, block=block))

    def fell_at(self, claim_id: bytes, block: int | str = "latest") -> int:
        """When a claim fell, 0 when it did not."""
        return int(self.read("fallen", claim_id, block=block)[2])

    def bond_to_open(self) -> int:
        """Wei, at the head's base fee: send some more, the fee moves."""
        return int(self.read("bond_to_open"))

    def bond_to_claim(self, terms: JobTerms) -> int:
        """Wei of stake that a claim locks."""
        return int(self.read("bond_to_claim", terms.abi()))

    def claim(
        self, terms: JobTerms, header: Sequence[Any], output: bytes, given: bytes = b""
    ) -> Call:
        """``given``: the job's input when the job has a callback."""
        return self.call("claim", terms.abi(), tuple(header), output, given)

    def finalise(self, terms: JobTerms, output: bytes = b"") -> Call:
        """Reverts when there is nothing to end."""
        return self.call("finalise", terms.abi(), output)

    def finalise_due(self, terms: JobTerms) -> Call:
        """The same where no callback waits for the output; does nothing when nothing is due."""
        return self.call("finalise_due", terms.abi())

    def open(self, job_id: bytes, claim: int, bond: int) -> Call:
        return self.call("open", job_id, claim, value=bond)

    def open_at(self, job_id: bytes, claim: int, node_index: int, place: int, bond: int) -> Call:
        """``place``: the byte of the node's output where the element in question begins."""
        return self.call("open_at", job_id, claim, node_index, place, value=bond)


def deploy_opml(
    w3: Any,
    account: LocalAccount,
    network: Network,
    params: OpmlParams,
    report: Callable[[str, TxReceipt], None] = lambda contract, receipt: None,
) -> OpmlVerifier:
    """Five contracts and their listing, from the market's owner, and the fund of audits unless the
    owner would have too little left. Raises as ``deploy``."""
    wallet = Wallet(w3, account)

    def create(name: str, *args: Any) -> str:
        address = created_address(account.address, wallet.nonce())
        report(name, wallet.create(creation(w3, name, *args), address))
        return address

    p, market = params, network.marketplace
    judge = create("OpmlJudge", create("StepReduce"), create("StepElement"))
    parts = market.address, network.subnets.address, network.models.address
    # The two name one another.
    audits = created_address(account.address, wallet.nonce() + 1)
    bonds = p.min_bond, p.bond_gas
    verifier = create(OpmlVerifier.NAME, *parts, judge, audits, p.windows, p.clocks, *bonds)
    pay = p.audit_share, p.audit_gas, p.audit_pay
    create(OpmlAudits.NAME, *parts[:2], verifier, *pay, *p.audit_seconds)
    wallet.send(market.call("add_method", OPML, verifier, 1, p.max_delay, p.fee_bps, False))
    if 0 < 2 * p.audit_fund < wallet.balance():
        wallet.send(Call(audits, b"", p.audit_fund))
    return OpmlVerifier(w3, verifier)
