# SPDX-License-Identifier: Apache-2.0
"""Build the terms of a job, choose who goes first, and post."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import Acceptance, JobTerms, Network, SubnetInfo
from offchain_workers.chain.contracts.base import NATIVE, ZERO_ADDRESS
from offchain_workers.chain.contracts.terms import ZERO_32
from offchain_workers.daemon.clock import ChainClock
from offchain_workers.errors import FusionError
from offchain_workers.models.card import ModelCard
from offchain_workers.requester.errors import (
    InputHomelessError,
    NobodyAcceptedError,
    PriceTooHighError,
    UnprovableError,
)
from offchain_workers.requester.letters import Letter, OpenLetter, sealed_letter
from offchain_workers.requester.primary import ByHealth, PrimaryChoice
from offchain_workers.requester.workers import Member, WorkerClient, talking
from offchain_workers.storage import content_id
from offchain_workers.storage.reference import encode_inline, encode_reference
from verifiers.base import ModelView, ReadBlob, no_blob
from verifiers.errors import InputUnprovableError
from verifiers.methods import method_of

T = TypeVar("T")

# Above this an input is cheaper by reference: calldata and event cost 24 gas a byte.
INLINE_BYTES = 1024
# From the terms of a private job to its post.
POST_SECONDS = 60
# Terms name bonds in millionths of a coin.
BOND_UNIT = 10**12


@dataclass(frozen=True)
class Wish:
    """What a requester may choose about a job. Times in seconds, prices in wei for the whole job.

    ``max_price`` None: what the dearest member asks. ``inline`` None: by size. ``bond``: wei that a
    claim must lock, at least; 0: what the method asks for. ``decision``: hash of the router's
    record; it makes the job unique too, so each job needs a record of its own.

    ``private``: the input is sealed to the primary, which must have accepted; nobody else is
    expected to deliver. ``inline`` then means that the box is in the post, else the primary keeps
    it. ``reply``: a public key to which the method may seal the answer, if it can.
    """

    max_price: int | None = None
    deliver_within: int = 600
    turn_length: int = 30
    callback_target: str = ZERO_ADDRESS
    callback_gas: int = 0
    accepted: bool = True
    inline: bool | None = None
    locator: str = ""
    bond: int = 0
    decision: bytes = ZERO_32
    private: bool = False
    reply: bytes = bytes(32)


@dataclass(frozen=True)
class Prepared:
    """A job ready to be posted; ``acceptance`` None means best effort."""

    job_id: bytes
    terms: JobTerms
    data: bytes
    acceptance: Acceptance | None
    call: Call
    notes: tuple[str, ...] = ()


class Posting:
    """Prepares jobs of one model and method on one subnet for one requester.

    ``blob`` reads the model's files, which some methods commit to inputs by. ``allow_private``:
    members' endpoints may lead into our own network. Raises UnknownMethodError for a method that is
    not installed here.
    """

    def __init__(
        self,
        network: Network,
        subnet: SubnetInfo,
        model_id: bytes,
        card: ModelCard,
        selector: bytes,
        endpoints: Mapping[str, str],
        artifact_id: bytes = bytes(32),
        blob: ReadBlob = no_blob,
        allow_private: bool = True,
    ) -> None:
        self._network = network
        self._subnet = subnet
        self._model_id = model_id
        self._card = card
        self._model = ModelView(card, blob, {selector: artifact_id})
        self._selector = selector
        self._method = method_of(selector)
        self._artifact_id = artifact_id
        self.members = [
            Member(index, operator, price, endpoints.get(operator, ""), allow_private)
            for index, (operator, price) in enumerate(subnet.members)
        ]

    @property
    def card(self) -> ModelCard:
        return self._card

    @property
    def subnet(self) -> SubnetInfo:
        return self._subnet

    def prepare(
        self,
        requester: str,
        items: Sequence[bytes],
        wish: Wish = Wish(),
        value: int | None = None,
        choice: PrimaryChoice | None = None,
    ) -> Prepared:
        """Terms, data and, when wished, an acceptance. ``items``: wire bytes, one per input.

        ``value`` wei go with the post; None sends all that is due, so no balance is touched.
        ``choice``: who goes first, by default who has the least to do; without an acceptance wished
        only a choice that was given is asked.
        Raises PriceTooHighError, InputHomelessError, CallRevertedError, and what the method says
        to too many items; UnprovableError; for a private job NotPrivateError, NobodyAcceptedError.
        """
        letter = self._letter(items, wish)
        terms = self._terms(requester, len(items), letter.commitment, wish)
        notes: list[str] = []
        unprovable = ""
        if wish.accepted or wish.private:
            for member in (choice := choice or ByHealth()).order(self.members):
                candidate = terms.with_primary(member.index)
                try:
                    data = letter.data(member, candidate)
                    acceptance = self._ask(member, candidate, data)
                except FusionError as no:  # whatever keeps one from it, the next may do it
                    notes.append(str(no))
                    if getattr(no, "said", "") == InputUnprovableError.CODE:
                        unprovable = no.message
                    choice.refused(no)
                    continue
                return self._prepared(candidate, data, acceptance, value, notes)
            if unprovable:
                raise UnprovableError(f"nothing was posted: {unprovable}")
            if wish.private:
                raise NobodyAcceptedError("; ".join(notes) or "no member is ready")
        elif choice is not None:
            first = next(choice.order(self.members), self.members[0])
            terms = terms.with_primary(first.index)
        primary = self.members[terms.primary]
        return self._prepared(terms, letter.data(primary, terms), None, value, notes)

    def _prepared(
        self,
        terms: JobTerms,
        data: bytes,
        acceptance: Acceptance | None,
        value: int | None,
        notes: Sequence[str],
    ) -> Prepared:
        market = self._network.marketplace
        call = market.post(
            terms, data, acceptance, market.value_due(terms) if value is None else value
        )
        return Prepared(terms.job_id(market.domain), terms, data, acceptance, call, tuple(notes))

    def hand_on(self, blob: bytes) -> int:
        """How many members keep a blob that belongs to a job, such as its decision's record."""
        return sum(_with(member, lambda worker: worker.hand_over(blob)) for member in self.members)

    def _letter(self, items: Sequence[bytes], wish: Wish) -> Letter:
        if wish.private:
            about = self._model, self._model_id
            inline = bool(wish.inline)
            return sealed_letter(self._network, self._method, *about, items, wish.reply, inline)
        data = self._data(items, wish)
        return OpenLetter(self._method.commit_input(items, self._model), data)

    def _terms(self, requester: str, n: int, commitment: bytes, wish: Wish) -> JobTerms:
        market = self._network.marketplace
        method = market.method(self._selector)
        assert method is not None  # the subnet could not have been formed otherwise
        clock = ChainClock()  # of a chain at rest the newest block may be old
        clock.see(market.w3.eth.get_block("latest")["timestamp"])
        deliver_by = clock.now() + wish.deliver_within
        return JobTerms(
            requester=requester,
            model_id=self._model_id,
            artifact_id=self._artifact_id,
            selector=self._selector,
            subnet_id=self._subnet.subnet_id,
            input_commitment=commitment,
            token=NATIVE,
            max_price=self._price(n, wish.max_price),
            n=n,
            item_size=self._card.item_bytes_out if n > 1 else 0,
            fee_cap=method.fee_bps,
            royalty_cap=self._subnet.royalty_bps,
            turn_length=_turn(wish),
            deliver_by=deliver_by,
            resolve_by=deliver_by + method.max_delay,
            callback_target=wish.callback_target,
            callback_gas=wish.callback_gas,
            bond=-(-wish.bond // BOND_UNIT),
            decision_hash=wish.decision,
            # A record has a nonce: a salt beside its hash would only cost gas.
            salt=ZERO_32 if any(wish.decision) else secrets.token_bytes(32),
        )

    def _price(self, n: int, limit: int | None) -> int:
        prices = [n * member.price for member in self.members]
        if limit is None:
            return max(prices)
        if limit < min(prices):
            raise PriceTooHighError(f"the cheapest member asks {min(prices)} wei, not {limit}")
        return limit

    def _data(self, items: Sequence[bytes], wish: Wish) -> bytes:
        blob = b"".join(items)
        inline = len(blob) <= INLINE_BYTES if wish.inline is None else wish.inline
        if inline:
            return encode_inline(blob)
        return encode_reference(content_id(blob), wish.locator or self._home_of(blob))

    def _home_of(self, blob: bytes) -> str:
        """Every member gets the blob, so that a backup needs nobody; the first is the locator."""
        homes = [
            m.endpoint for m in self.members if _with(m, lambda worker: worker.hand_over(blob))
        ]
        if not homes:
            raise InputHomelessError(f"no member took the input of {len(blob)} bytes")
        return homes[0]

    def _ask(self, member: Member, terms: JobTerms, data: bytes) -> Acceptance:
        domain = self._network.marketplace.domain
        return _with(member, lambda worker: worker.ask(terms, data, domain))


def _turn(wish: Wish) -> int:
    """Of a private job so long that no other member's turn is worth waiting for; a primary promises
    only while a whole turn is left, so some seconds stay free for posting."""
    return max(wish.turn_length, wish.deliver_within - POST_SECONDS if wish.private else 0)


def _with(member: Member, use: Callable[[WorkerClient], T]) -> T:
    with talking(member) as worker:
        return use(worker)
