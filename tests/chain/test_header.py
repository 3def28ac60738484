# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from web3.contract import Contract

from offchain_workers.chain import header as headers
from offchain_workers.devnet import Devnet
from tests.chain.world import JOB


def test_a_real_header_is_genuine_and_a_changed_one_is_not(devnet: Devnet) -> None:
    devnet.mine()
    block = devnet.rpc("eth_getBlockByNumber", "latest", False)
    assert headers.parse(block).genuine is True
    for name in ("timestamp", "stateRoot", "number", "baseFeePerGas", "parentHash", "hash"):
        forged = dict(block)
        forged[name] = block[name][:-1] + ("0" if block[name][-1] != "0" else "1")
        assert headers.parse(forged).genuine is False, name


def test_unknown_fields_make_a_header_uncheckable_not_forged(devnet: Devnet) -> None:
    block = devnet.rpc("eth_getBlockByNumber", "latest", False)
    later = {**block, "fieldOfALaterFork": "0x1", "hash": "0x" + "11" * 32}
    assert headers.parse(later).genuine is None


@pytest.mark.parametrize("broken", [{}, {"number": "0x1"}, {"number": 5, "hash": None}])
def test_a_malformed_block_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(headers.MalformedHeaderError):
        headers.parse(broken)


def test_the_bloom_admits_what_was_logged_and_hardly_anything_else(
    devnet: Devnet, counter: Contract
) -> None:
    sent = counter.functions.touch(JOB).transact({"from": devnet.accounts[0].address})
    counter.w3.eth.wait_for_transaction_receipt(sent)
    header = headers.parse(devnet.rpc("eth_getBlockByNumber", "latest", False))
    assert header.contains_all([bytes.fromhex(counter.address[2:]), JOB])
    absent = [bytes([i]) * 20 for i in range(200)]
    assert sum(header.may_contain([item]) for item in absent) < 5
