# SPDX-License-Identifier: Apache-2.0
"""Request and form a subnet; what can be known beforehand is checked before the tip is paid."""

from __future__ import annotations

from offchain_workers.chain.contracts import Spec
from offchain_workers.chain.errors import CallRevertedError
from offchain_workers.chain.events import Event
from offchain_workers.chain.scan import scan
from offchain_workers.cli.model_view import method_name
from offchain_workers.cli.network import Connection, Patience
from offchain_workers.cli.output import moment
from offchain_workers.cli.progress import counting, waiting
from offchain_workers.cli.sending import Sender
from offchain_workers.errors import FusionError
from offchain_workers.routing.books import Spec as BookSpec
from offchain_workers.routing.books import books_at
from offchain_workers.routing.replay import exclusion

WAIT_SECONDS = 3600.0


class Forming:
    """The subnet of one spec."""

    def __init__(self, connection: Connection, spec: Spec) -> None:
        self._connection = connection
        self._subnets = connection.network.subnets
        self._spec = spec

    def check_candidates(self) -> None:
        """Raises MN-CLI-027 when fewer offers fit than members are asked for."""
        subnets = self._subnets
        with counting(self._connection.run, "reading offers") as progress:
            events = scan(
                self._connection.pool,
                {subnets.address: subnets.abi},
                self._connection.network.start_block,
                names={"SeatChanged"},
                progress=progress,
            )
        lead = int(subnets.read("LEAD_BLOCKS"))
        epoch = (self._connection.pool.height + 1 + lead) // subnets.epoch_blocks
        wanted = BookSpec(**vars(self._spec))
        fit, later = (_count(wanted, events, at) for at in (epoch, epoch + 1))
        if fit < self._spec.k:
            opens = (epoch + 1) * subnets.epoch_blocks - lead
            hint = f"; {later} from block {opens} on" if later > fit else ""
            raise FusionError(
                "MN-CLI-027",
                f"{self._spec.k} members are asked for, {fit} offers under method "
                f"{method_name(self._spec.selector)} fit the spec{hint}",
            )

    def cost(self) -> int | None:
        """Wei to send with a request, None while one is pending. Raises MN-CLI-026 if live."""
        try:
            return self._subnets.request_cost(self._spec)
        except CallRevertedError as refusal:
            if "pending" in refusal.message:
                return None
            if "live" in refusal.message:
                raise self._live() from refusal
            raise

    def request(self, sender: Sender, cost: int | None) -> bytes:
        """The id that the subnet will have; sends nothing for a pending one."""
        if cost is not None:
            sender.send("request a subnet", self._subnets.request(self._spec, cost))
        return self.requested()

    def requested(self) -> bytes:
        """Id of the pending subnet. Raises MN-CLI-025 without a request, MN-CLI-026 if live."""
        latest = self._subnets.latest_subnet(self._spec)
        if latest is None:
            raise FusionError("MN-CLI-025", "no such subnet was requested: fusion subnet request")
        if latest[1]:
            raise self._live()
        seed_block = self._subnets.seed_block(self._spec)
        if self._subnets.epoch() > seed_block // self._subnets.epoch_blocks:
            raise FusionError(
                "MN-CLI-025", "the request is stale: fusion subnet request repeats it for free"
            )
        return latest[0]

    def form(self, sender: Sender) -> None:
        """Wait for the block after the seed block, then form. Raises MN-CLI-008 after an hour."""
        seed_block = self._subnets.seed_block(self._spec)
        patience = Patience(self._connection.pool, WAIT_SECONDS)
        with waiting(self._connection.run, f"waiting for block {seed_block + 1}") as report:
            # One block more than the contract asks for: nodes simulate on top of their head.
            while (now := self._connection.w3.eth.block_number) <= seed_block:
                report(f"waiting for block {seed_block + 1}, the chain is at {now}")
                patience()
        try:
            sender.send("form the subnet", self._subnets.form(self._spec))
        except CallRevertedError as refusal:
            # A keeper was faster: all that we wanted.
            if "already formed" not in refusal.message:
                raise

    def _live(self) -> FusionError:
        latest = self._subnets.latest_subnet(self._spec)
        until = f" until {moment(latest[1])}" if latest else ""
        return FusionError("MN-CLI-026", f"the spec has a live subnet{until}: fusion subnet show")


def _count(spec: BookSpec, events: list[Event], epoch: int) -> int:
    seats = books_at(events, epoch).get(spec.book_id, ())
    return sum(exclusion(spec, seat) is None for seat in seats)
