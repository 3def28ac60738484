# SPDX-License-Identifier: Apache-2.0
"""Wycheproof's P-256 vectors on both ways to check a signature."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from eth_utils.address import to_checksum_address
from web3 import HTTPProvider, Web3

from offchain_workers.devnet import find_anvil, start_devnet
from scripts.build_artifacts import compile_contract
from tests.teeml.contracts.machine import Contract, Machine

ROOT = Path(__file__).parents[3]
PROBE = Path(__file__).parent / "P256Probe.vy"
VECTORS = ROOT / "tests/data/tee/wycheproof-p256.json"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
FEW = 60
PRECOMPILE = to_checksum_address("0x" + "00" * 18 + "0100")


def vectors() -> list[tuple[bytes, int, int, int, int, bool]]:
    """Digest, r, s, x, y and whether it is a signature; sizes that no word holds are left out."""
    found = []
    for group in json.loads(VECTORS.read_text())["testGroups"]:
        x, y = (int(group["key"][part], 16) for part in ("wx", "wy"))
        for test in group["tests"]:
            signature = bytes.fromhex(test["sig"])
            if len(signature) != 64:
                continue
            digest = hashlib.sha256(bytes.fromhex(test["msg"])).digest()
            r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:]))
            found.append((digest, r, s, x, y, test["result"] != "invalid"))
    return found


@cache
def artifact() -> dict[str, Any]:
    return compile_contract(ROOT, PROBE)


def packed(words: list[Any]) -> bytes:
    """What the precompile reads."""
    return b"".join(w if isinstance(w, bytes) else w.to_bytes(32, "big") for w in words)


def probe() -> Contract:
    code = bytes.fromhex(artifact()["bytecode"][2:])
    return Machine().deploy(artifact()["abi"], code)


def test_the_vectors_are_there() -> None:
    answers = [vector[-1] for vector in vectors()]
    assert len(answers) > 200
    assert {True, False} == set(answers)


def test_vectors_without_the_precompile() -> None:
    """This machine has no code at 0x100: snekmate's runs."""
    contract = probe()
    for *words, holds in vectors():
        assert contract.call("is_signed", *words) == holds, words


def test_either_s_is_a_signature() -> None:
    contract = probe()
    for digest, r, s, x, y, holds in vectors()[:FEW]:
        if holds:
            assert contract.call("is_signed", digest, r, ORDER - s, x, y)


@pytest.mark.anvil
@pytest.mark.skipif(find_anvil() is None, reason="no anvil binary")
def test_vectors_by_the_precompile() -> None:
    with start_devnet("anvil") as chain:
        w3 = Web3(HTTPProvider(chain.url))
        contract = w3.eth.contract(abi=artifact()["abi"], bytecode=artifact()["bytecode"])
        sent = contract.constructor().transact({"from": w3.eth.accounts[0]})
        home = w3.eth.wait_for_transaction_receipt(sent)["contractAddress"]
        assert home is not None
        deployed = w3.eth.contract(address=home, abi=artifact()["abi"])
        for *words, holds in vectors():
            assert deployed.functions.is_signed(*words).call() == holds
            precompiled = w3.eth.call({"to": PRECOMPILE, "data": packed(words)})
            assert (precompiled == (1).to_bytes(32, "big")) == holds
