# SPDX-License-Identifier: Apache-2.0
"""The main job, end to end: real inputs in, labelled and paid for answers out."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import JobStatus
from offchain_workers.chain.contracts.base import ZERO_ADDRESS
from offchain_workers.chain.contracts.consumer import Consumer
from offchain_workers.chain.contracts.deployment import deploy_consumer
from offchain_workers.codecs import get_codec
from offchain_workers.codecs.base import Answer, NoModelNeededError
from offchain_workers.localnet.net import NONE, Localnet
from offchain_workers.models.catalog import endpoints
from offchain_workers.requester.errors import JobRefundedError
from offchain_workers.requester.posting import Posting, Prepared, Wish
from offchain_workers.requester.replies import reply_key
from offchain_workers.requester.results import await_close, history
from offchain_workers.routing.record import DecisionRecord
from offchain_workers.storage import LocalStore
from verifiers.opml.board import Board
from verifiers.opml.method import patience

JOB_SECONDS = 120.0
CALLBACK_GAS = 150_000
DIGITS = 2
# A chain that mines only on demand gets a block now and then, so that its time passes.
PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class Input:
    """What a job is about. ``raw`` goes to the model's codec; ``by_contract``: posted by the
    consumer contract, which is called with the answer."""

    name: str
    model: str
    raw: bytes | Path
    by_contract: bool = False


@dataclass
class DemoJob:
    """A row of the demo. Gas as in receipts, ``paid`` in wei; ``private``: input and answer are
    sealed."""

    input: Input
    method: str = "none"
    status: str = "queued"
    job_id: str | None = None
    operator: str | None = None
    worker: str = ""
    answer: Answer = field(default_factory=dict)
    gas: dict[str, int | None] = field(
        default_factory=lambda: {"post": None, "deliver": None, "settle": None}
    )
    paid: int | None = None
    error: str | None = None
    decision: str | None = None
    private: bool = False

    @property
    def ok(self) -> bool:
        return self.status in ("paid", "decided without the model")

    def document(self) -> dict[str, Any]:
        """The job as `fusion demo --json` prints it."""
        document: dict[str, Any] = {
            "id": self.job_id,
            "model": self.input.model,
            "method": self.method,
            "input": self.input.name,
            "output": self.answer,
            "status": self.status,
            "operator": self.operator,
            "gas": self.gas,
            "paid": self.paid,
            "decision": self.decision,
            "private": self.private,
        }
        return document | ({"error": self.error} if self.error else {})


def some_files() -> list[Path]:
    """Of the installation and of the machine."""
    candidates = [Path(sys.executable).resolve(), Path(__file__), *_checkout(), *_machine()]
    return [path for path in dict.fromkeys(candidates) if path.is_file()]


def _checkout() -> list[Path]:
    root = Path(__file__).parents[2]
    return [root / "contracts" / "JobMarketplace.vy", root / "pyproject.toml", root / "README.md"]


def _machine() -> list[Path]:
    return sorted(Path("/usr/share").glob("*/*.gz"))[:1]


class Demo:
    """Runs jobs on a local market: of method none, or as ``postings`` by model say.

    ``decisions`` by model: why it was taken; each job gets a record of its own.
    """

    def __init__(
        self,
        net: Localnet,
        inputs: Sequence[Input],
        say: Callable[[str], None] = lambda step: None,
        method: str = "none",
        postings: Mapping[str, Posting] | None = None,
        decisions: Mapping[str, DecisionRecord] | None = None,
    ) -> None:
        self.decisions = dict(decisions or {})
        self.jobs = [
            DemoJob(
                entry,
                self.decisions[entry.model].chosen.method,
                private=self.decisions[entry.model].request.wants_privacy,
            )
            if entry.model in self.decisions
            else DemoJob(entry, method)
            for entry in inputs
        ]
        self._net = net
        self._changed: Callable[[], None] = lambda: None
        self._say = say
        self._wallet = net.wallet("requester")
        self._names = {worker.address: worker.plan.name for worker in net.workers}
        self._postings: dict[str, Posting] = dict(postings or {})
        self._consumer: Consumer | None = None
        self._reply = reply_key(net.account("requester"))

    def on_change(self, changed: Callable[[], None]) -> None:
        """``changed`` is called whenever a job's row is new."""
        self._changed = changed

    def run(self) -> None:
        """Form the subnets, post everything, then wait for every answer."""
        for model in dict.fromkeys(job.input.model for job in self.jobs):
            if model not in self._postings:
                self._postings[model] = self._form(model)
        posted = [(job, self._post(job)) for job in self.jobs]
        for job, prepared in posted:
            if prepared is not None:
                self._await(job, prepared)

    def _form(self, model: str) -> Posting:
        net = self._net
        spec = net.spec(model)
        net.form(spec, self._wallet, lambda step: self._say(f"subnet for {model}: {step}"))
        latest = net.network.subnets.latest_subnet(spec)
        assert latest is not None  # just formed
        subnet = net.network.subnets.subnet(latest[0])
        assert subnet is not None
        members = ", ".join(self._names[operator] for operator, _ in subnet.members)
        self._say(f"subnet for {model}: {members}")
        model_id, demo_model = net.models[model]
        announced = endpoints(net.pool, net.network)
        return Posting(net.network, subnet, model_id, demo_model.card, NONE, announced)

    def _post(self, job: DemoJob) -> Prepared | None:
        posting = self._postings[job.input.model]
        card = posting.card
        try:
            item = get_codec(card.codec).encode(card, job.input.raw)
        except NoModelNeededError as known:
            job.answer, job.status = known.answer, "decided without the model"
            self._changed()
            return None
        if job.input.by_contract:
            prepared, call = self._by_contract(posting, item, self._decision(job, posting))
        else:
            wish = Wish(decision=self._decision(job, posting))
            if job.private:
                wish = replace(wish, private=True, reply=self._reply.public)
            prepared = posting.prepare(self._wallet.address, [item], wish)
            call = prepared.call
        self._record(job, prepared, self._wallet.send(call)["gasUsed"])
        return prepared

    def _decision(self, job: DemoJob, posting: Posting) -> bytes:
        """The hash of the job's own record, which the members keep; zero without one."""
        record = self.decisions.get(job.input.model)
        if record is None:
            return bytes(32)
        own = record.for_another_job()
        LocalStore(self._net.layout.blobs).put(own.canonical())
        posting.hand_on(own.canonical())
        job.decision = own.cid
        return own.hash()

    def _by_contract(self, posting: Posting, item: bytes, decision: bytes) -> tuple[Prepared, Call]:
        """The same job with the consumer contract as the requester."""
        if self._consumer is None:
            self._say("deploying the consumer contract")
            self._consumer = deploy_consumer(
                self._net.pool.w3,
                self._net.account("requester"),
                self._net.network.marketplace.address,
            )
        address = self._consumer.address
        wish = Wish(callback_target=address, callback_gas=CALLBACK_GAS, decision=decision)
        prepared = posting.prepare(address, [item], wish)
        value = self._net.network.marketplace.value_due(prepared.terms)
        return prepared, self._consumer.ask(
            prepared.terms, prepared.data, prepared.acceptance, value
        )

    def _record(self, job: DemoJob, prepared: Prepared, gas: int) -> None:
        job.job_id = "0x" + prepared.job_id.hex()
        job.gas["post"] = gas
        job.status = "accepted" if prepared.acceptance else "posted, best effort"
        for note in prepared.notes:
            self._say(f"{job.input.name}: {note}")
        self._changed()

    def _await(self, job: DemoJob, prepared: Prepared) -> None:
        network = self._net.network
        waits = prepared.terms.selector != NONE
        pause = (lambda: self._hurry(prepared.job_id)) if waits else self._pause
        closed = await_close(network, prepared.job_id, JOB_SECONDS, pause)
        past = history(self._net.pool, network, prepared.job_id).read_by(self._reply)
        if closed.status is not JobStatus.PAID:
            job.status = "refunded"
            job.error = str(JobRefundedError(f"{job.job_id} was refunded"))
            self._changed()
            return
        job.status, job.operator, job.paid = "paid", closed.operator, past.price
        job.worker = self._names.get(closed.operator or "", "")
        job.gas["deliver"] = self._gas(past.transaction("JobDelivered"))
        job.gas["settle"] = 0  # paid by the delivery itself
        [job.answer] = past.answers(self._postings[job.input.model].card)
        if prepared.terms.callback_target != ZERO_ADDRESS:
            self._check_callback(job, prepared)
        self._changed()

    def _check_callback(self, job: DemoJob, prepared: Prepared) -> None:
        assert self._consumer is not None
        if not any(self._consumer.answer_hash(prepared.job_id)):
            job.status, job.error = "callback failed", "the consumer contract has no answer"

    def _gas(self, tx_hash: bytes | None) -> int | None:
        if tx_hash is None:
            return None
        receipt = self._net.pool.w3.eth.get_transaction_receipt("0x" + tx_hash.hex())  # type: ignore[arg-type]
        return int(receipt["gasUsed"])

    def _hurry(self, job_id: bytes) -> None:
        """No waiting for the window of an undisputed answer, nor for company of its end."""
        self._pause()
        board = Board.of(self._net.network)
        look = board.look(job_id) if board else None
        if board is None or look is None:
            return
        target = patience(board, look)
        if look.now < target:
            self._say(f"nobody disputes the answer: the clock goes on by {target - look.now} s")
            self._net.devnet.mine_at(target)

    def _pause(self) -> None:
        time.sleep(PAUSE_SECONDS)
        self._net.devnet.mine()
