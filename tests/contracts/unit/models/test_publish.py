# SPDX-License-Identifier: Apache-2.0
"""ModelRegistry: publish, record, artifact, model_id_of."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from eth.exceptions import Revert
from eth_abi import encode
from eth_utils.crypto import keccak

from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER, deploy
from tests.contracts.unit.models.records import Record, publish
from tests.contracts.world import World

RECORD = ["bytes32", "bytes32", "bytes32", "uint256", "(bytes4,bytes32)[]"]
PUBLISH = [*RECORD, "string"]
METHOD_ID = keccak(text=f"publish({','.join(PUBLISH)})")[:4]
FIRST, SECOND, THIRD = (bytes([0, 0, 0, i]) for i in (1, 2, 3))


def test_a_record_reads_back_as_published(empty_world: World, record: Record) -> None:
    model_id = publish(empty_world, record, uri="https://models.example/digits")
    event = empty_world.models.get_logs()[0]
    assert (event.model_id, event.publisher, event.parent) == (
        model_id,
        wallet("publisher").address,
        bytes(32),
    )
    assert (event.onnx_hash, event.card_hash, event.royalty_bps, event.uri) == (
        record.onnx_hash,
        record.card_hash,
        500,
        "https://models.example/digits",
    )
    assert [tuple(a) for a in event.artifacts] == list(record.artifacts)
    assert empty_world.models.record(model_id) == (wallet("publisher").address, 500)
    for selector, artifact_id in record.artifacts:
        assert empty_world.models.artifact(model_id, selector) == artifact_id


def test_what_was_not_published_reads_as_zero(empty_world: World, record: Record) -> None:
    nobody = "0x" + "00" * 20
    assert empty_world.models.record(b"\x01" * 32) == (nobody, 0)
    model_id = publish(empty_world, record)
    assert empty_world.models.artifact(model_id, b"\x7f\0\0\0") == bytes(32)


def test_the_id_is_the_hash_of_the_whole_record(empty_world: World, record: Record) -> None:
    chain, models = boa.env.evm.patch.chain_id, empty_world.models
    values = [chain, models.address, wallet("publisher").address, *record.abi]
    expected = keccak(encode(["uint256", "address", "address", *RECORD], values))
    assert publish(empty_world, record) == expected
    assert models.model_id_of(wallet("publisher").address, *record.abi) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"onnx_hash": b"\x03" * 32},
        {"card_hash": b"\x03" * 32},
        {"royalty_bps": 501},
        {"artifacts": ()},
        {"artifacts": ((FIRST, b"\x11" * 32),)},
        {"artifacts": ((FIRST, b"\x11" * 32), (b"\x80\0\0\0", b"\x13" * 32))},
        {"artifacts": ((SECOND, b"\x11" * 32), (b"\x80\0\0\0", b"\x12" * 32))},
    ],
)
def test_any_other_record_is_another_model(
    empty_world: World, record: Record, changes: dict[str, Any]
) -> None:
    assert publish(empty_world, record) != publish(empty_world, record.with_(**changes))


def test_parent_and_publisher_are_part_of_the_id(empty_world: World, record: Record) -> None:
    parent = empty_world.model_id
    ids = {
        publish(empty_world, record),
        publish(empty_world, record.with_(parent=parent)),
        publish(empty_world, record, by="challenger"),
    }
    assert len(ids) == 3


def test_chain_and_registry_are_part_of_the_id(empty_world: World, record: Record) -> None:
    publisher = wallet("publisher").address
    other = deploy("contracts/ModelRegistry.vy", empty_world.subnets.address, ETHER)
    here = empty_world.models.model_id_of(publisher, *record.abi)
    assert other.model_id_of(publisher, *record.abi) != here
    with boa.env.anchor():
        boa.env.evm.patch.chain_id += 1
        assert empty_world.models.model_id_of(publisher, *record.abi) != here


def test_the_uri_is_a_hint_and_no_part_of_the_id(empty_world: World, record: Record) -> None:
    publish(empty_world, record, uri="https://here.example")
    with boa.reverts("already published"):
        publish(empty_world, record, uri="https://there.example")


@pytest.mark.parametrize("royalty", [0, 5_000])
def test_a_royalty_is_at_most_half(empty_world: World, record: Record, royalty: int) -> None:
    model_id = publish(empty_world, record.with_(royalty_bps=royalty))
    assert empty_world.models.record(model_id)[1] == royalty


@pytest.mark.parametrize("royalty", [5_001, 2**256 - 1])
def test_a_royalty_above_half_is_refused(empty_world: World, record: Record, royalty: int) -> None:
    with boa.reverts("royalty too high"):
        publish(empty_world, record.with_(royalty_bps=royalty))


def test_a_parent_must_be_known(empty_world: World, record: Record) -> None:
    with boa.reverts("unknown parent"):
        publish(empty_world, record.with_(parent=b"\x09" * 32))
    child = publish(empty_world, record.with_(parent=empty_world.model_id))
    publish(empty_world, record.with_(parent=child))


@pytest.mark.parametrize(
    "selectors",
    [[SECOND, FIRST], [FIRST, FIRST], [FIRST, THIRD, SECOND], [bytes(4)]],
    ids=["descending", "twice", "last out of order", "zero"],
)
def test_artifacts_have_one_order_and_one_place_a_method(
    empty_world: World, record: Record, selectors: list[bytes]
) -> None:
    artifacts = tuple((selector, b"\x11" * 32) for selector in selectors)
    with boa.reverts("artifacts not ascending"):
        publish(empty_world, record.with_(artifacts=artifacts))


def test_a_refused_record_leaves_no_trace(empty_world: World, record: Record) -> None:
    bad = record.with_(artifacts=tuple(reversed(record.artifacts)))
    model_id = empty_world.models.model_id_of(wallet("publisher").address, *bad.abi)
    with boa.reverts("artifacts not ascending"):
        publish(empty_world, bad)
    assert empty_world.models.record(model_id)[1] == 0
    assert empty_world.models.artifact(model_id, bad.artifacts[0][0]) == bytes(32)


def test_a_model_has_up_to_eight_artifacts(empty_world: World, record: Record) -> None:
    many = tuple((bytes([i, 0, 0, 0]), bytes([i]) * 32) for i in range(1, 10))
    model_id = publish(empty_world, record.with_(artifacts=many[:8]))
    assert empty_world.models.artifact(model_id, many[7][0]) == many[7][1]
    nine = encode(PUBLISH, [*record.with_(artifacts=many).abi, ""])
    with pytest.raises(Revert):
        boa.env.raw_call(empty_world.models.address, data=METHOD_ID + nine)
    eight = encode(PUBLISH, [*record.with_(artifacts=many[1:]).abi, ""])
    boa.env.raw_call(empty_world.models.address, data=METHOD_ID + eight)
