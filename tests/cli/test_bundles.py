# SPDX-License-Identifier: Apache-2.0
"""A compiled model's folder on its way to the chain, and vouched for from its parent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from offchain_workers.chain.rpc import RpcPool
from offchain_workers.models import ModelCard
from offchain_workers.models.catalog import PublishedModel, published_models
from offchain_workers.models.demo import digits
from offchain_workers.models.vouching import CHECKED, Vouching
from offchain_workers.storage import content_id
from tests.cli.conftest import Fusion
from tests.cli.market import Market, model_files
from tests.opml.compiled import digits_package
from tests.opml.lies import tampered


@pytest.fixture
def bundle(home: Path) -> Path:
    """As `fusion opml compile` leaves it."""
    digits_package().write(home / "bundle")
    return home / "bundle"


def publish(market: Market, bundle: Path, *options: str) -> dict[str, object]:
    return market.run("publisher", "model", "publish", str(bundle), *options)


def test_a_bundle_is_listed_under_its_parent_with_its_artifact(
    market: Market, published: str, bundle: Path, home: Path
) -> None:
    data = publish(market, bundle)
    artifact = "0x" + digits_package().header.artifact_id().hex()
    assert (data["parent"], data["artifacts"]) == (published, {"opml": artifact})
    shown = market.read("model", "show", str(data["id"]))
    assert (shown["parent"], shown["artifacts"]) == (published, {"opml": artifact})
    stored = {
        file.read_bytes() for file in (home / ".fusion" / "blobs").rglob("*") if file.is_file()
    }
    assert set(digits_package().files.values()) <= stored


def test_the_parent_must_be_published_and_the_right_one(
    market: Market, bundle: Path, home: Path
) -> None:
    args = ("model", "publish", str(bundle))
    assert market.refused("publisher", *args)[0] == "MN-CLI-029"
    onnx, card = model_files(home)
    right = str(market.run("keeper", "model", "publish", onnx, "--card", card)["id"])
    other = str(publish(market, bundle, "--parent", right)["id"])
    assert market.refused("keeper", *args, "--parent", other)[0] == "MN-CLI-029"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("weights.bin", "MN-OPML-053"),
        ("program.bin", "MN-OPML-052"),
        ("header.json", "MN-OPML-051"),
        ("trace.onnx", "MN-OPML-006"),
        ("model.onnx", "MN-ENGINE-004"),
    ],
)
def test_a_bundle_with_another_file_is_not_published(
    market: Market, published: str, bundle: Path, name: str, code: str
) -> None:
    file = bundle / name
    file.write_bytes(file.read_bytes()[:-8] + b"changed!")
    assert market.refused("publisher", "model", "publish", str(bundle))[0] == code


def test_an_attester_compiles_the_bundle_again(
    market: Market, published: str, bundle: Path
) -> None:
    model = str(publish(market, bundle)["id"])
    market.run("operator", "operator", "register", "--stake", "1 ether", "--endpoint", "http://a:1")
    market.run("operator", "model", "attest", model)
    assert market.read("model", "show", model)["attested"] == 1


def test_a_bundle_of_other_samples_than_it_says_is_not_attested(
    market: Market, published: str, bundle: Path
) -> None:
    """Its options claim another window than its header has."""
    options = json.loads((bundle / "options.json").read_text())
    (bundle / "options.json").write_text(json.dumps(options | {"window": 61}))
    relisted(bundle, "options.json")
    model = str(publish(market, bundle)["id"])
    market.run("operator", "operator", "register", "--stake", "1 ether", "--endpoint", "http://a:1")
    code, message = market.refused("operator", "model", "attest", model)
    assert code == "MN-OPML-006"
    assert "header.json is not what this machine compiles" in message


def test_a_card_of_another_scale_is_not_attested(
    market: Market, published: str, bundle: Path
) -> None:
    tree = json.loads((bundle / "card.json").read_text())
    tree["methods"]["opml"]["output"]["scale"] *= 2
    (bundle / "card.json").write_bytes(ModelCard.from_json(json.dumps(tree).encode()).canonical())
    model = str(publish(market, bundle)["id"])
    market.run("operator", "operator", "register", "--stake", "1 ether", "--endpoint", "http://a:1")
    code, message = market.refused("operator", "model", "attest", model)
    assert (code, message) == ("MN-OPML-006", "card.json has another output\n")


def relisted(bundle: Path, name: str) -> None:
    """The card lists the file as it is now."""
    tree = json.loads((bundle / "card.json").read_text())
    tree["methods"]["opml"]["manifest"][name] = content_id((bundle / name).read_bytes())
    (bundle / "card.json").write_bytes(ModelCard.from_json(json.dumps(tree).encode()).canonical())


def test_an_offer_under_opml_comes_after_the_self_test(
    market: Market, published: str, bundle: Path
) -> None:
    """A trace of other numbers than the program's is refused, and nothing is sent."""
    args = ("--price", "0.001 ether", "--tier", "web2_cloud", "--method", "opml")
    right = str(publish(market, bundle)["id"])
    wrong = str(published_with(market, bundle, tampered((bundle / "trace.onnx").read_bytes())))
    market.run("operator", "operator", "register", "--stake", "1 ether", "--endpoint", "http://a:1")
    code, message = market.refused("operator", "operator", "offer", wrong, *args)
    assert (code, message[:15]) == ("MN-OPML-075", "node 0: element")
    market.run("operator", "operator", "offer", wrong, *args, "--elsewhere")
    market.run("operator", "operator", "offer", right, *args)


def published_with(market: Market, bundle: Path, trace: bytes) -> object:
    (bundle / "trace.onnx").write_bytes(trace)
    relisted(bundle, "trace.onnx")
    return publish(market, bundle)["id"]


@pytest.fixture
def vouching(market: Market, home: Path) -> Vouching:
    """As a worker of the account `backup` on this machine would ask."""
    folder = home / ".fusion" / "blobs" / "verdicts"
    return Vouching(market.site.network, folder, market.site.address("backup"))


def model_of(market: Market, model: str) -> PublishedModel:
    found = published_models(RpcPool([market.site.devnet.url]), market.site.network)
    return next(one for one in found if f"0x{one.model_id.hex()}" == model)


def test_whoever_checked_a_model_needs_no_attestation(
    market: Market, published: str, bundle: Path, vouching: Vouching
) -> None:
    """And nothing is sent."""
    model, before = str(publish(market, bundle)["id"]), market.blocks()
    assert vouching.voucher(model_of(market, model)) is None
    assert market.read("model", "check", model)["checked"] is True
    assert vouching.voucher(model_of(market, model)) == CHECKED
    assert market.blocks() == before


def test_a_model_that_does_not_come_out_is_not_believed(
    market: Market, published: str, bundle: Path, vouching: Vouching
) -> None:
    wrong = str(published_with(market, bundle, tampered((bundle / "trace.onnx").read_bytes())))
    code, message = market.refused(None, "model", "check", wrong)
    assert (code, message) == ("MN-OPML-006", "trace.onnx is not what this machine compiles\n")
    assert vouching.voucher(model_of(market, wrong)) is None


def test_a_bundle_that_was_compiled_again_is_believed_once_it_is_published(
    market: Market, published: str, bundle: Path, vouching: Vouching, home: Path
) -> None:
    model, float_model = str(publish(market, bundle)["id"]), home / "digits.onnx"
    float_model.write_bytes(digits().onnx_bytes)
    market.read("opml", "check", str(bundle))
    assert vouching.voucher(model_of(market, model)) is None
    market.read("opml", "check", str(bundle), "--onnx", str(float_model))
    assert vouching.voucher(model_of(market, model)) == CHECKED


def test_an_offer_of_what_nobody_vouches_for_is_warned_of(
    market: Market, published: str, bundle: Path, fusion: Fusion
) -> None:
    model = str(publish(market, bundle)["id"])
    market.run("operator", "operator", "register", "--stake", "1 ether", "--endpoint", "http://a:1")
    args = ("operator", "offer", model, "--price", "0.001 ether", "--tier", "web2_cloud")
    offer = (*args, "--method", "opml", "--account", "operator")
    code, _, err = fusion(*offer)
    assert (code, "MN-WORKER-129" in err) == (0, True)
    market.read("model", "check", model)
    code, _, err = fusion(*offer)
    assert (code, "MN-WORKER-129" in err) == (0, False)
