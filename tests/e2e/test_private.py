# SPDX-License-Identifier: Apache-2.0
"""Private jobs under `zkml`: only the primary learns the input, and nobody can make it open another
job's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from offchain_workers.chain.contracts import JobTerms, Spec
from offchain_workers.chain.contracts.zkml import ZKML, ZkmlVerifier, place_circuit
from offchain_workers.localnet import Localnet
from offchain_workers.localnet.attesting import attest
from offchain_workers.manifest import Place
from offchain_workers.models.catalog import endpoints
from offchain_workers.requester.errors import (
    NobodyAcceptedError,
    NotPrivateError,
)
from offchain_workers.requester.posting import Posting, Prepared, Wish
from offchain_workers.requester.results import history
from offchain_workers.requester.workers import Member, talking
from offchain_workers.sealed_jobs import info_of
from offchain_workers.sealing import OVERHEAD, SealingKey, seal
from offchain_workers.storage import LocalStore, content_id
from offchain_workers.storage.reference import (
    Reference,
    Sealed,
    encode_inline,
    encode_reference,
    encode_sealed,
    parse,
)
from tests.e2e.private import PLANS, PrivateMarket, killed_in_the_end, loud
from tests.e2e.test_zkml import fusion
from tests.e2e.traces import json_of, places
from tests.zkml.circuits import cnn, written
from verifiers.zkml.bundle import MODEL_FILE, PROGRAM_FILE
from verifiers.zkml.prover import SCRATCH

PRIVATE = Wish(private=True)
WITHIN = 3_600


@dataclass
class Market(PrivateMarket):
    """The digits CNN, whose input is committed to, and two workers that prove.

    ``folder`` has what all processes write but what is on its way through the prover, which is in
    ``scratch``."""

    folder: Path
    scratch: Path
    model: str

    def prepare(self, item: bytes, wish: Wish = PRIVATE) -> Prepared:
        return self.posting.prepare(self.requester, [item], wish)

    def key_of(self, member: Member) -> bytes:
        domain, subnets = self.net.network.marketplace.domain, self.net.network.subnets
        with talking(member) as worker:
            return worker.sealing_key(Place(domain.chain_id, subnets.address))

    def places(self, item: bytes) -> list[str]:
        return places(item, self.net.pool.w3, [self.folder, self.scratch])


def image(seed: int) -> bytes:
    """Pixels that look like no other bytes."""
    return np.random.default_rng(seed).integers(0, 16, 64).astype("<i4").tobytes()


@pytest.fixture(scope="module", params=[pytest.param("anvil", marks=pytest.mark.anvil)])
def market(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Market]:
    folder, scratch = tmp_path_factory.mktemp("private"), tmp_path_factory.mktemp("scratch")
    with ExitStack() as stack:
        stack.enter_context(loud(scratch))
        net = Localnet(folder / "market", kind=request.param, workers=(), models=lambda: ())
        stack.enter_context(net)
        bundle = written(cnn(), folder / "cnn")
        verifier = ZkmlVerifier.of(net.network)
        assert verifier is not None
        files = cnn().files
        place_circuit(
            net.wallet("publisher"), verifier, files[PROGRAM_FILE], cnn().description.neg_tau_g2
        )
        model = net.publish(
            cnn().card,
            (bundle / MODEL_FILE).read_bytes(),
            files.values(),
            artifacts={ZKML: cnn().artifact_id},
        )
        attest(net, model)
        for plan in PLANS:
            net.onboard(plan, [model], ZKML)
        net.await_workers()
        stack.enter_context(killed_in_the_end(net))
        yield Market(net, posting_on(net, model), folder, scratch, "0x" + model.hex())


def posting_on(net: Localnet, model: bytes) -> Posting:
    spec = Spec(model, ZKML, band=60, k=len(PLANS))
    net.form(spec, net.wallet("requester"))
    latest = net.network.subnets.latest_subnet(spec)
    assert latest is not None
    subnet = net.network.subnets.subnet(latest[0])
    assert subnet is not None
    blobs = LocalStore(net.layout.blobs).get
    where = endpoints(net.pool, net.network)
    return Posting(net.network, subnet, model, cnn().card, ZKML, where, cnn().artifact_id, blobs)


@pytest.fixture(scope="module")
def prepared(market: Market) -> Prepared:
    """A private job that is never posted; one for all, as a worker makes few promises at a time."""
    return market.prepare(image(5), replace(PRIVATE, deliver_within=WITHIN))


def test_a_private_input_is_found_nowhere_but_a_public_one_is(
    market: Market, tmp_path: Path
) -> None:
    hidden, open_ = image(1), image(2)
    answers = []
    for item, how in ((hidden, ["--private"]), (open_, [])):
        path = tmp_path / f"{len(answers)}.json"
        path.write_text(json_of(item))
        job = fusion(
            market.net, "post", "--model", market.model, "--input", str(path),
            "--method", "zkml", "--members", "2", "--wait", *how,
        )  # fmt: skip
        assert (job["status"], job["accepted"]) == ("paid", True)
        answers.append(job["answers"])
    assert answers[0] != answers[1]
    assert market.places(hidden) == []
    found = market.places(open_)
    assert {"calldata", "log"} <= set(found)
    assert any("worker.db" in name for name in found)
    assert any("blobs" in name for name in found)


def test_a_private_job_survives_a_killed_primary_and_its_files_do_not(market: Market) -> None:
    """The primary kept the box, and opens it again."""
    prepared = market.prepare(image(3))
    primary = market.primary(prepared)
    assert len(folders(market)) == len(PLANS)
    market.net.wallet("requester").send(prepared.call)
    primary.kill()
    assert len(folders(market)) == len(PLANS)
    primary.restart()
    assert len(folders(market)) == len(PLANS)
    market.await_paid(prepared)
    assert market.places(image(3)) == []


def folders(market: Market) -> list[Path]:
    """Of provers; nobody else may look into them."""
    found = list(market.scratch.glob(f"{SCRATCH}*"))
    assert all(path.stat().st_mode & 0o777 == 0o700 for path in found)
    return found


def test_no_other_member_is_expected_to_deliver(prepared: Prepared) -> None:
    assert prepared.terms.turn_length >= WITHIN - 60


def test_the_sealing_key_is_kept_encrypted_and_is_the_same_after_a_restart(market: Market) -> None:
    member = market.posting.members[0]
    before = market.key_of(member)
    [path] = market.net.layout.keys.glob(f"{member.operator.lower()}.sealing")
    assert path.stat().st_mode & 0o777 == 0o600
    worker = next(one for one in market.net.workers if one.address == member.operator)
    worker.kill()
    worker.restart()
    assert market.key_of(member) == before != market.key_of(market.posting.members[1])


# --- attacks --------------------------------------------------------------------------------------


def test_a_box_is_refused_in_anybody_elses_job(market: Market, prepared: Prepared) -> None:
    """The thief copies box and commitment from the chain, to see the answer's proof or more."""
    thief = market.net.account("thief").address
    theirs = replace(prepared.terms, requester=thief, salt=os.urandom(32))
    assert market.ask(prepared, theirs, prepared.data) == "MN-WORKER-133"


def test_a_box_is_refused_under_another_commitment(market: Market, prepared: Prepared) -> None:
    mixed = replace(prepared.terms, input_commitment=bytes(reversed(range(32))))
    assert market.ask(prepared, mixed, prepared.data) == "MN-WORKER-133"


def test_a_box_for_another_key_is_refused(market: Market, prepared: Prepared) -> None:
    domain = market.net.network.marketplace.domain
    other = next(m for m in market.posting.members if m.index != prepared.terms.primary)
    for public in (SealingKey.generate().public, market.key_of(other)):
        box = seal(public, image(5), info_of(prepared.terms, domain))
        data = encode_sealed(encode_inline(box))
        assert market.ask(prepared, replaced(prepared), data) == "MN-WORKER-133"


def replaced(prepared: Prepared) -> JobTerms:
    """The same job again: the primary would repeat a promise that it gave."""
    return replace(prepared.terms, salt=os.urandom(32))


def sealed_to_primary(market: Market, prepared: Prepared, inside: bytes) -> bytes:
    info = info_of(prepared.terms, market.net.network.marketplace.domain)
    return seal(market.key_of(market.member(prepared)), inside, info)


@pytest.mark.parametrize(
    ("inside", "code"),
    [
        (image(7), "MN-WORKER-115"),
        (image(5) * 2, "MN-WORKER-113"),
        (image(5)[:-1], "MN-WORKER-114"),
        (b"", "MN-WORKER-114"),
    ],
    ids=["other", "too long", "too short", "nothing"],
)
def test_another_input_than_the_committed_one_is_refused(
    market: Market, prepared: Prepared, inside: bytes, code: str
) -> None:
    box = sealed_to_primary(market, prepared, inside)
    data = encode_sealed(encode_inline(box))
    assert market.ask(prepared, replaced(prepared), data) == code


def test_an_oversized_box_is_not_even_read(market: Market, prepared: Prepared) -> None:
    huge = bytes(1 << 20)
    where = encode_reference(LocalStore(market.net.layout.blobs).put(huge), market.net.blob_url)
    assert market.ask(prepared, replaced(prepared), encode_sealed(where)) == "MN-WORKER-113"


def test_what_only_looks_sealed_is_refused(market: Market, prepared: Prepared) -> None:
    box = sealed_to_primary(market, prepared, image(5))
    terms = replaced(prepared)
    nested = encode_sealed(encode_sealed(encode_inline(box)))
    assert market.ask(prepared, terms, nested) == "MN-WORKER-101"
    assert market.ask(prepared, terms, encode_sealed(encode_inline(image(5)))) == "MN-WORKER-133"
    short = encode_sealed(encode_inline(bytes(OVERHEAD - 1)))
    assert market.ask(prepared, terms, short) == "MN-WORKER-133"
    assert market.ask(prepared, terms, encode_inline(box)) == "MN-WORKER-113"


def test_a_box_may_travel_in_the_post(market: Market) -> None:
    prepared = market.prepare(image(8), replace(PRIVATE, inline=True))
    market.net.wallet("requester").send(prepared.call)
    market.await_paid(prepared)
    assert market.places(image(8)) == []
    past = history(market.net.pool, market.net.network, prepared.job_id)
    assert past.data == prepared.data
    assert len(past.answers(cnn().card)) == 1
    assert past.pledge > 0


def test_the_primarys_store_serves_the_box_and_not_what_is_inside(
    market: Market, prepared: Prepared
) -> None:
    found = parse(prepared.data)
    assert isinstance(found, Sealed)
    assert isinstance(found.where, Reference)
    primary = market.primary(prepared)
    held = LocalStore(market.net.layout.worker(primary.name) / "blobs")
    assert len(held.get(found.where.cid, 1 << 10)) == len(image(5)) + OVERHEAD
    assert not held.has(content_id(image(5)))


def test_without_a_promise_nothing_is_posted(market: Market) -> None:
    """Too little time is left: every member refuses."""
    head = market.net.pool.w3.eth.block_number
    with pytest.raises(NobodyAcceptedError, match="MN-WORKER-109"):
        market.prepare(image(5), replace(PRIVATE, deliver_within=1))
    assert market.net.pool.w3.eth.block_number == head


def test_a_private_job_has_one_input(market: Market) -> None:
    with pytest.raises(NotPrivateError, match="one input"):
        market.posting.prepare(market.requester, [image(1), image(2)], PRIVATE)
