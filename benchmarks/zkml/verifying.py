# SPDX-License-Identifier: Apache-2.0
"""Gas of verifying a proof on chain: Halo2Verifier beside the verifiers that ezkl emits.

Execution gas: a receipt's, less what the transaction and its calldata cost whatever is executed.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_utils.abi import function_abi_to_4byte_selector, get_abi_input_types

from benchmarks import ROOT
from benchmarks.gas import meta
from benchmarks.pinned import PinnedChain, pinned_chain
from benchmarks.throughput import Figure
from benchmarks.zkml import circuit as circuits
from benchmarks.zkml.circuit import Circuit
from benchmarks.zkml.solidity import compiled
from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts.zkml import data_contract

ARTIFACT = ROOT / "offchain_workers/chain/artifacts/Halo2Verifier.json"
MEASURED = "iris", "digits", "digits-public", "digits-cnn"
SINGLE, REUSABLE, RUNTIME = 1.45, 1.15, 12 * 1024


def measure(say: Callable[[str], None] = lambda step: None) -> dict[str, Any]:
    """The document of zkml-gas.json. Raises FusionError, MN-DEV-001 without anvil."""
    say("making circuits")
    with tempfile.TemporaryDirectory() as folder:
        made = circuits.make_all(Path(folder))
        with pinned_chain() as chain:
            found = [_measured(chain, name, made[name], say) for name in MEASURED]
    runtime = json.loads(ARTIFACT.read_text())["runtime_size"]
    figures = [Figure("Halo2Verifier, bytes on chain", runtime, most=RUNTIME)]
    for one in found:
        for other, most in (("single", SINGLE), ("reusable", REUSABLE)):
            ratio = round(one["ours"] / one[other], 3)
            figures.append(Figure(f"{one['name']}: ours / ezkl, {other}", ratio, most=most))
    return {"meta": meta(), "figures": [one.document() for one in figures], "circuits": found}


def _measured(
    chain: PinnedChain, name: str, circuit: Circuit, say: Callable[[str], None]
) -> dict[str, Any]:
    say(f"{name}: verifying")
    given = circuit.proof, circuit.instances
    return {
        "name": name,
        "proof": len(circuit.proof),
        "instances": len(circuit.instances),
        "ours": _ours(chain, circuit),
        "single": _theirs(chain, circuit, "single", *given),
        "reusable": _theirs(chain, circuit, "reusable", *given, circuit.vka()),
    }


def _ours(chain: PinnedChain, circuit: Circuit) -> int:
    artifact = json.loads(ARTIFACT.read_text())
    built = circuit.built
    creation = bytes.fromhex(artifact["bytecode"][2:]) + encode(["uint256[4]"], [built.neg_tau_g2])
    home = _deployed(chain, creation)
    program = _deployed(chain, data_contract(built.program.code()).data)
    args = program, built.program.code_hash(), circuit.proof, circuit.instances
    return _execution(chain, home, calldata(artifact["abi"], "verify", *args))


def _theirs(chain: PinnedChain, circuit: Circuit, name: str, *args: Any) -> int:
    abi, creation = compiled(circuit.source(name))
    home = _deployed(chain, creation)
    if name == "reusable":
        data = calldata(abi, "registerVka", circuit.vka())
        chain.send(chain.account("owner"), Call(home, data))
    return _execution(chain, home, calldata(abi, "verifyProof", *args))


def _deployed(chain: PinnedChain, creation: bytes) -> str:
    receipt = chain.send(chain.account("owner"), Call("", creation))
    return str(receipt["contractAddress"])


def _execution(chain: PinnedChain, to: str, data: bytes) -> int:
    """Raises RevertedError for a proof that is refused."""
    receipt = chain.send(chain.account("owner"), Call(to, data))
    zeros = data.count(0)
    return int(receipt["gasUsed"]) - 21_000 - 4 * zeros - 16 * (len(data) - zeros)


def calldata(abi: Sequence[dict[str, Any]], name: str, *args: Any) -> bytes:
    """Of a function that is not overloaded."""
    (item,) = (item for item in abi if item.get("name") == name and item["type"] == "function")
    return function_abi_to_4byte_selector(item) + encode(get_abi_input_types(item), args)
