# SPDX-License-Identifier: Apache-2.0
"""Both development chains answer the same requests alike."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from web3.exceptions import ContractLogicError, Web3RPCError

from offchain_workers.devnet import CHAIN_ID
from tests.devnet.probe import Chain

TX_GAS_CAP = 16_777_216


def p256_input(message: bytes = b"model network") -> bytes:
    key = ec.derive_private_key(0xA11CE, ec.SECP256R1())
    digest = hashlib.sha256(message).digest()
    r, s = decode_dss_signature(key.sign(digest, ec.ECDSA(Prehashed(SHA256()))))
    point = key.public_key().public_numbers()
    return digest + b"".join(n.to_bytes(32, "big") for n in (r, s, point.x, point.y))


def test_identity_and_funds(chain: Chain) -> None:
    assert chain.w3.eth.chain_id == CHAIN_ID
    assert chain.devnet.accounts[0].address == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert all(
        chain.w3.eth.get_balance(one.address) > 9_999 * 10**18 for one in chain.devnet.accounts
    )
    assert chain.w3.eth.accounts == [one.address for one in chain.devnet.accounts]


def test_p256_says_yes_to_a_valid_signature_only(chain: Chain) -> None:
    good = p256_input()
    bad = good[:63] + bytes([good[63] ^ 1]) + good[64:]
    off_curve = good[:128] + (1).to_bytes(32, "big")
    verify = chain.probe.functions.p256
    assert verify(good).call() == (1).to_bytes(32, "big")
    assert [verify(wrong).call() for wrong in (bad, off_curve, good[:159], good + b"\0")] == [
        b""
    ] * 4


def test_p256_costs_what_osaka_says(chain: Chain) -> None:
    data = p256_input()
    receipt = chain.send(chain.probe.functions.p256_logged(data))
    assert receipt["status"] == 1
    # 6,900 for the precompile, the rest is the probe's own work: the same on both chains.
    # Signatures are random, and a zero byte of calldata is 12 gas cheaper.
    assert receipt["gasUsed"] == 53_332 - 12 * data[32:96].count(0)


def test_logs_by_block_address_and_topic(chain: Chain) -> None:
    first = chain.send(chain.probe.functions.note(7, 2))["blockNumber"]
    chain.devnet.mine(3)
    last = chain.send(chain.probe.functions.note(8, 1))["blockNumber"]
    noted = chain.probe.events.Noted
    assert [e["args"]["what"] for e in noted.get_logs(from_block=first, to_block=last)] == [7, 7, 8]
    only = noted.get_logs(from_block=first, to_block=last, argument_filters={"what": 8})
    assert [(e["blockNumber"], e["args"]["text"], e["logIndex"]) for e in only] == [
        (last, "hello", 0)
    ]
    stranger = chain.w3.eth.get_logs({"fromBlock": 0, "address": chain.account.address})
    assert stranger == []
    by_hash = chain.w3.eth.get_logs({"blockHash": chain.w3.eth.get_block(first)["hash"]})
    assert [log["logIndex"] for log in by_hash] == [0, 1]


def test_a_range_may_end_above_the_head_but_not_begin_there(chain: Chain) -> None:
    head = chain.w3.eth.block_number
    assert chain.w3.eth.get_logs({"fromBlock": head, "toBlock": head + 9}) == []
    with pytest.raises(Web3RPCError, match="BlockOutOfRange"):
        chain.w3.eth.get_logs({"fromBlock": head + 1, "toBlock": head + 9})


def test_a_refused_call_carries_its_reason_and_bytes(chain: Chain) -> None:
    with pytest.raises(ContractLogicError, match="execution reverted: not today") as caught:
        chain.probe.functions.refuse().call()
    assert str(caught.value.data).startswith("0x08c379a0")
    with pytest.raises(ContractLogicError, match="not today"):
        chain.probe.functions.refuse().estimate_gas({"from": chain.account.address})


def test_a_refused_transaction_is_mined_and_marked(chain: Chain) -> None:
    receipt = chain.send(chain.probe.functions.refuse(), gas=100_000)
    assert receipt["status"] == 0
    assert receipt["logs"] == []


def test_an_estimate_suffices_also_when_the_contract_looks_at_its_gas(chain: Chain) -> None:
    call = chain.probe.functions.frugal(400_000)
    estimate = call.estimate_gas({"from": chain.account.address})
    assert 400_000 < estimate < 480_000
    assert chain.send(call, gas=estimate)["status"] == 1


def test_gas_above_the_cap_is_refused(chain: Chain) -> None:
    transaction = chain.fields(
        to=chain.account.address, maxFeePerGas=10**10, maxPriorityFeePerGas=1
    )
    chain.send_raw(chain.sign(transaction | {"gas": TX_GAS_CAP}))
    over = chain.sign(transaction | {"gas": TX_GAS_CAP + 1, "nonce": transaction["nonce"] + 1})
    with pytest.raises(Web3RPCError, match="cap"):
        chain.w3.eth.send_raw_transaction(over)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nonce": 0}, "nonce too low"),
        ({"chainId": 1}, "chain id"),
        ({"value": 10**30}, "(?i)insufficient funds"),
        ({"maxFeePerGas": 1, "maxPriorityFeePerGas": 0}, "fee"),
    ],
)
def test_a_transaction_that_cannot_be_is_refused(chain: Chain, change: dict, words: str) -> None:
    base = chain.fields(to=chain.account.address, gas=21_000, maxFeePerGas=10**10)
    transaction = base | {"maxPriorityFeePerGas": 1} | change
    with pytest.raises(Web3RPCError, match=words):
        chain.w3.eth.send_raw_transaction(chain.sign(transaction))


def test_a_nonce_gap_waits_until_it_is_filled(chain: Chain) -> None:
    base = chain.fields(to=chain.account.address, gas=21_000, maxFeePerGas=10**10)
    first = base | {"maxPriorityFeePerGas": 1}
    second = first | {"nonce": first["nonce"] + 1}
    waiting = chain.w3.eth.send_raw_transaction(chain.sign(second))
    assert chain.w3.eth.get_transaction(waiting)["blockNumber"] is None
    chain.send_raw(chain.sign(first))
    assert chain.w3.eth.wait_for_transaction_receipt(waiting)["status"] == 1


def test_a_waiting_transaction_is_replaced_for_a_tenth_more(chain: Chain) -> None:
    chain.devnet.rpc("evm_setAutomine", False)
    base = chain.fields(to=chain.account.address, gas=21_000, maxFeePerGas=10**10)
    base |= {"maxPriorityFeePerGas": 10**9}
    old = chain.w3.eth.send_raw_transaction(chain.sign(base))
    with pytest.raises(Web3RPCError, match="underpriced"):
        chain.w3.eth.send_raw_transaction(chain.sign(base | {"value": 1}))
    dearer = {"maxFeePerGas": 11 * 10**9, "maxPriorityFeePerGas": 11 * 10**8}
    new = chain.w3.eth.send_raw_transaction(chain.sign(base | dearer))
    assert chain.w3.eth.get_transaction_count(chain.account.address, "pending") == base["nonce"] + 1
    chain.devnet.mine()
    chain.devnet.rpc("evm_setAutomine", True)
    assert chain.w3.eth.get_transaction_receipt(new)["status"] == 1
    with pytest.raises(Exception, match="not found"):
        chain.w3.eth.get_transaction(old)


def test_time_moves_when_told(chain: Chain) -> None:
    before = chain.w3.eth.get_block("latest")["timestamp"]
    chain.devnet.increase_time(3_600)
    after = chain.w3.eth.get_block("latest")["timestamp"]
    assert after >= before + 3_600
    chain.devnet.rpc("evm_setNextBlockTimestamp", after + 1_000)
    chain.devnet.mine()
    assert chain.w3.eth.get_block("latest")["timestamp"] == after + 1_000
    assert chain.probe.functions.now().call(block_identifier="pending") >= after + 1_000


def test_snapshot_and_revert(chain: Chain) -> None:
    snapshot = chain.devnet.rpc("evm_snapshot")
    height = chain.w3.eth.block_number
    receipt = chain.send(chain.probe.functions.note(1, 1))
    assert chain.devnet.rpc("evm_revert", snapshot) is True
    assert chain.devnet.rpc("evm_revert", snapshot) is False
    assert chain.w3.eth.block_number == height
    assert chain.probe.functions.counter().call() == 0
    assert (
        chain.devnet.rpc("eth_getTransactionReceipt", receipt["transactionHash"].to_0x_hex())
        is None
    )


def test_old_block_hashes_are_on_chain(chain: Chain) -> None:
    chain.devnet.mine(300)  # BLOCKHASH itself reaches back 256
    wanted = chain.w3.eth.block_number - 290
    assert chain.probe.functions.old_hash(wanted).call() == chain.w3.eth.get_block(wanted)["hash"]


def test_a_balance_can_be_set(chain: Chain) -> None:
    stranger = "0x00000000000000000000000000000000DeaDBeef"
    chain.devnet.rpc("anvil_setBalance", stranger, hex(5 * 10**18))
    assert chain.w3.eth.get_balance(stranger) == 5 * 10**18


def test_history_is_kept(chain: Chain) -> None:
    at = chain.send(chain.probe.functions.note(1, 0))["blockNumber"]
    chain.send(chain.probe.functions.note(1, 0))
    assert chain.probe.functions.counter().call(block_identifier=at) == 1
    assert chain.probe.functions.counter().call() == 2


def test_fees_can_be_planned(chain: Chain) -> None:
    history = chain.w3.eth.fee_history(2, "latest", [50])
    assert len(history["baseFeePerGas"]) == len(history["gasUsedRatio"]) + 1
    assert chain.w3.eth.max_priority_fee > 0
    assert chain.w3.eth.gas_price >= history["baseFeePerGas"][-1]
