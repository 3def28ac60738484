# SPDX-License-Identifier: Apache-2.0
"""The method's Python side, on both ends of a job, against models that say what is not so."""

from __future__ import annotations

import pytest

from offchain_workers.chain.contracts.zkml import ZKML
from offchain_workers.storage import content_id
from tests.zkml.circuits import cnn, iris, place
from verifiers.base import ModelView
from verifiers.errors import InputUnprovableError
from verifiers.zkml.bundle import Bundle
from verifiers.zkml.circuit import felt, felts_hash
from verifiers.zkml.errors import EzklFailedError
from verifiers.zkml.faults import ArtifactError
from verifiers.zkml.keys import check_provable, prepared
from verifiers.zkml.method import ZkmlMethod
from verifiers.zkml.prover import COMPILED_FILE

FLOWER = [41_779, 28_672, 11_469, 1_638]


def view(found: Bundle, artifact: bytes | None = None) -> ModelView:
    """A published model; ``artifact``: what its record names instead of its card's circuit."""
    blobs = {content_id(data): data for data in found.files.values()}
    named = {} if artifact == b"" else {ZKML: artifact or found.artifact_id}
    return ModelView(found.card, lambda cid, most: blobs[cid], named)


def wire(values: list[int]) -> bytes:
    return b"".join(value.to_bytes(4, "little", signed=True) for value in values)


def test_an_input_is_committed_to_by_its_public_values() -> None:
    wanted = felts_hash([felt(value) for value in FLOWER])
    assert ZkmlMethod().commit_input([wire(FLOWER)], view(iris())) == wanted


@pytest.mark.parametrize("artifact", [b"\1" * 32, b""], ids=["another", "none"])
def test_nothing_is_posted_about_a_model_whose_card_lists_another_circuit_than_its_record(
    artifact: bytes,
) -> None:
    """The chain would take proofs of that one: the card, its scales and its files would be lies."""
    for found, given in ((iris(), FLOWER), (cnn(), [1] * 64)):
        with pytest.raises(ArtifactError, match="record"):
            ZkmlMethod().commit_input([wire(given)], view(found, artifact))
    with pytest.raises(ArtifactError, match="record"):
        ZkmlMethod().conceal([wire([1] * 64)], view(cnn(), artifact), bytes(32), bytes(32))


def test_an_input_out_of_range_is_the_requesters_fault_and_a_broken_machine_ours() -> None:
    mine = prepared(iris(), place())
    check_provable(mine, FLOWER)
    with pytest.raises(InputUnprovableError):
        check_provable(mine, [2**31 - 1] * 4)
    assert not list(mine.folder.glob("*/input.json"))
    (mine.folder / COMPILED_FILE).write_bytes(b"")
    with pytest.raises(EzklFailedError):
        check_provable(mine, [2**31 - 1] * 4)
