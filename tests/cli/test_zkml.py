# SPDX-License-Identifier: Apache-2.0
"""`fusion zkml`, and a circuit's folder on its way to the chain."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from eth_utils.crypto import keccak

from offchain_workers.chain.contracts.zkml import ZkmlVerifier, place_circuit
from offchain_workers.chain.development import DEVELOPMENT_CHAINS
from offchain_workers.chain.wallet import Wallet
from offchain_workers.cli import circuits
from offchain_workers.cli.network import Connection
from offchain_workers.cli.sending import Sender
from tests.cli.conftest import Fusion
from tests.cli.market import Market
from tests.zkml.circuits import FLOWERS, IRIS, iris, relisted, written
from tests.zkml.verifier.malice import CHANGES
from verifiers.zkml import placed
from verifiers.zkml.bundle import CIRCUIT_FILE, PROGRAM_FILE, Bundle
from verifiers.zkml.placed import verifier_of
from verifiers.zkml.program import parse


@pytest.fixture
def bundle(home: Path) -> Path:
    """As `fusion zkml setup` leaves it."""
    return written(iris(), home / "bundle")


def flower(home: Path) -> str:
    (home / "flower.json").write_text(json.dumps(FLOWERS[0]))
    return str(home / "flower.json")


def test_a_circuit_is_made_proved_verified_and_made_again(fusion: Fusion, home: Path) -> None:
    (home / "iris.onnx").write_bytes(IRIS)
    (home / "flowers.json").write_text(json.dumps({"input_data": FLOWERS}))
    code, out, err = fusion(
        "zkml", "setup", "iris.onnx", "--sample", "flowers.json", "--out", "made", "--json"
    )
    assert code == 0, err
    assert "development setup" in err
    made = json.loads(out)
    assert (made["setup"], made["top1_agreement"]) == ("development", 1.0)
    assert made["name"] == "iris-zkml"
    given = flower(home)
    code, out, err = fusion("zkml", "prove", "made", "--input", given, "--out", "p.json", "--json")
    assert code == 0, err
    assert len(json.loads(out)["outputs"]) == 3
    assert fusion("zkml", "verify", "made", "p.json")[0] == 0
    assert fusion("zkml", "artifacts", "verify", "made")[0] == 0
    proof = json.loads(Path("p.json").read_text())
    proof["proof"][0] ^= 1
    Path("p.json").write_text(json.dumps(proof))
    code, _, err = fusion("zkml", "verify", "made", "p.json")
    assert (code, err[:16]) == (1, "error MN-ZK-002:")


def foreign(bundle: Path, code: bytes) -> None:
    """A bundle whose publisher names another program, and says so in every file."""
    description = iris().description
    program = keccak(code)
    data = replace(description, circuit=replace(description.circuit, program=program)).to_json()
    relisted(bundle, PROGRAM_FILE, code)
    relisted(bundle, CIRCUIT_FILE, data)


@pytest.mark.parametrize(
    ("kind", "code"),
    [("another digest", "MN-ZK-035"), ("unread instances", "MN-ZK-011")],
)
def test_artifacts_verify_runs_the_programs_checker(
    fusion: Fusion, bundle: Path, kind: str, code: str
) -> None:
    """Also where the program fits all other files."""
    honest = parse(iris().files[PROGRAM_FILE])
    foreign(bundle, CHANGES[kind](Random(0), honest).code())
    status, _, err = fusion("zkml", "artifacts", "verify", str(bundle))
    assert (status, err.split(":")[0]) == (1, f"error {code}")


def test_without_the_ceremonys_file_nothing_is_made_when_it_is_asked_for(
    fusion: Fusion, home: Path
) -> None:
    (home / "iris.onnx").write_bytes(IRIS)
    args = ("zkml", "setup", "iris.onnx", "--sample", flower(home), "--out", "made")
    code, _, err = fusion(*args, "--ceremony", "--srs", str(home))
    assert (code, err[:16]) == (1, "error MN-ZK-031:")
    assert not Path("made").exists()


def test_a_circuit_is_published_attested_and_only_then_asked(
    market: Market, bundle: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = market.run("publisher", "model", "publish", str(bundle))
    assert data["artifacts"] == {"zkml": "0x" + iris().artifact_id.hex()}
    sent = [each["what"] for each in data["transactions"]]
    assert sent == ["add the setup", "store the program", "add the program", "publish"]
    model = str(data["id"])
    market.run("operator", "operator", "register", "--stake", "1 ether", "--endpoint", "http://a:1")
    price = ("--price", "0.01 ether", "--tier", "web2_cloud", "--method", "zkml")
    market.run("operator", "operator", "offer", model, *price)
    market.next_epoch()
    post = ("post", "--model", model, "--input", flower(home), "--method", "zkml", "--members", "1")
    for required, chains in (("true", DEVELOPMENT_CHAINS), ("false", frozenset())):
        with monkeypatch.context() as patch:  # off development chains it can't be switched off
            patch.setenv("FUSION_VOUCHING__REQUIRED", required)
            patch.setattr(circuits, "DEVELOPMENT_CHAINS", chains)
            _, _, err = market._fusion(*post, "--best-effort", "--account", "requester")
        assert "MN-ZK-054" in err
    market.run("operator", "model", "attest", model)
    job = market.run("requester", *post, "--best-effort")
    assert job["status"] == "open"


def test_a_development_setup_is_not_published_in_production(
    market: Market, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placed, "DEVELOPMENT_CHAINS", frozenset())
    assert market.refused("publisher", "model", "publish", str(bundle))[0] == "MN-ZK-036"


def test_a_changed_file_is_not_published(market: Market, bundle: Path) -> None:
    (bundle / "program.bin").write_bytes((bundle / "program.bin").read_bytes()[:-1] + b"\1")
    assert market.refused("publisher", "model", "publish", str(bundle))[0] == "MN-ZK-030"


@pytest.mark.parametrize(
    ("words", "code", "path"),
    [
        (("prove", "nowhere", "--input", "one.json", "--out", "p"), "030", "nowhere/card.json"),
        (("verify", "nowhere", "p.json"), "030", "nowhere/card.json"),
        (("setup", "m.onnx", "--sample", "none.json", "--out", "made"), "033", "none.json"),
    ],
)
def test_a_file_that_is_missing_is_named_once(
    fusion: Fusion, words: tuple[str, ...], code: str, path: str
) -> None:
    status, _, err = fusion("zkml", *words)
    assert (status, err) == (1, f"error MN-ZK-{code}: {path}: No such file or directory\n")


@pytest.mark.parametrize(
    ("missing", "words"), [("setup", "no verifier of setup"), ("program", "the program")]
)
def test_a_circuit_that_is_not_on_the_chain_is_not_attested(
    market: Market, bundle: Path, monkeypatch: pytest.MonkeyPatch, missing: str, words: str
) -> None:
    """The publisher lists it all the same, with a client of its own."""
    honest = circuits.place

    def half(connection: Connection, sender: Sender, found: Bundle) -> None:
        if missing == "program":
            verifier = verifier_of(connection.network)
            sender.send("add the setup", verifier.add_setup(found.description.neg_tau_g2))

    monkeypatch.setattr(circuits, "place", half)
    model = str(market.run("publisher", "model", "publish", str(bundle))["id"])
    monkeypatch.setattr(circuits, "place", honest)
    code, message = market.refused(None, "model", "check", model)
    assert (code, words in message) == ("MN-ZK-056", True)


def test_an_attester_believes_no_development_setup_in_production(
    market: Market, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = str(market.run("publisher", "model", "publish", str(bundle))["id"])
    monkeypatch.setattr(placed, "DEVELOPMENT_CHAINS", frozenset())
    assert market.refused(None, "model", "check", model)[0] == "MN-ZK-036"


def test_a_contract_that_only_says_it_is_the_verifier_is_not_believed(
    market: Market, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A market's plug-in that names other addresses for setup and program."""
    model = str(market.run("publisher", "model", "publish", str(bundle))["id"])
    other = iris(variant=1)
    genuine = ZkmlVerifier.of(market.site.network)
    assert genuine is not None
    place_circuit(
        Wallet(genuine.w3, market.site.devnet.accounts[1]), genuine,
        other.files[PROGRAM_FILE], other.description.neg_tau_g2,
    )  # fmt: skip
    elsewhere = genuine.verifier_of(other.circuit.setup), genuine.program_of(other.circuit.program)
    for name, address in zip(("verifier_of", "program_of"), elsewhere, strict=True):
        with monkeypatch.context() as patch:
            patch.setattr(ZkmlVerifier, name, lambda self, key, at=address: at)
            assert market.refused(None, "model", "check", model)[0] == "MN-ZK-056"
