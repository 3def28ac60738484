# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import pytest

from offchain_workers.chain.contracts import Network
from offchain_workers.chain.contracts.audits import OpmlAudits
from offchain_workers.chain.contracts.opml import OPML, OpmlParams, OpmlVerifier
from offchain_workers.chain.contracts.teeml_verifier import TeemlVerifier
from offchain_workers.cli.deploy import Params, TeeRoot, _params, _tee_root
from offchain_workers.config import Deployment
from offchain_workers.errors import FusionError
from tests.cli.market import PARAMS, Market
from verifiers.teeml.onchain import INTEL_WORDS


def test_it_writes_a_file_that_every_command_can_use(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = market.run("keeper", "deploy", "--out", "mine.json")
    document = json.loads(Path("mine.json").read_text())
    assert document["owner"] == market.site.address("keeper")
    assert document["params"]["epoch_blocks"] == PARAMS.epoch_blocks
    assert document["params"]["min_stake"] == str(PARAMS.min_stake)
    assert [sent["what"].split()[1] for sent in data["transactions"]] == [
        "SubnetRegistry",
        "ModelRegistry",
        "JobMarketplace",
        "StepReduce",
        "StepElement",
        "OpmlJudge",
        "OpmlVerifier",
        "OpmlAudits",
        "Halo2Verifier",
        "ZkmlVerifier",
        "CertificateParser",
        "TcbParser",
        "IntelCollateral",
        "DcapVerifier",
        "TeemlVerifier",
    ]
    assert all(
        sent["gas"] > 500_000 and sent["tx"].startswith("0x") for sent in data["transactions"]
    )

    filed = Deployment.model_validate(document)
    at = filed.addresses
    network = Network.at(market.site.network.marketplace.w3, at.marketplace, at.models, at.subnets)
    assert network.marketplace.owner() == data["owner"]
    listed = network.marketplace.method(OPML)
    assert listed is not None
    assert listed.plugin == document["methods"]["opml"]
    audits = OpmlAudits.of(OpmlVerifier(network.marketplace.w3, listed.plugin))
    assert audits is not None
    assert audits.address == data["audits"]
    assert audits.fund() == OpmlParams.development().audit_fund > 0
    teeml = TeemlVerifier.of(network)
    assert teeml is not None
    assert teeml.address == document["methods"]["teeml"]
    assert teeml.collateral().read("SIMULATED")
    assert filed.start_block == data["transactions"][0]["block"]
    monkeypatch.setenv("FUSION_CHAIN__DEPLOYMENT", "mine.json")
    assert market.read("model", "list") == {"models": []}


def test_enclaves_may_be_trusted_by_intels_word_on_any_chain(market: Market) -> None:
    data = market.run("keeper", "deploy", "--tee-root", "intel")
    teeml = TeemlVerifier(market.site.network.marketplace.w3, data["methods"]["teeml"])
    assert not teeml.collateral().read("SIMULATED")


def test_the_simulated_root_stays_off_real_chains() -> None:
    assert _tee_root(None, 1) == _tee_root(TeeRoot.INTEL, 31_337) == INTEL_WORDS
    assert _tee_root(None, 31_337) != INTEL_WORDS
    with pytest.raises(FusionError, match="MN-CLI-033"):
        _tee_root(TeeRoot.SIMULATED, 1)


def test_people_see_each_contract_and_its_gas(market: Market) -> None:
    out = market.shown("deploy", "--account", "keeper")
    assert "deploy SubnetRegistry: tx 0x" in out
    assert "JobMarketplace" in out
    assert "deployment.json" in out


def test_an_existing_file_is_kept_and_nothing_is_sent(market: Market) -> None:
    Path("deployment.json").write_text("mine")
    code, message = market.refused("keeper", "deploy")
    assert (code, "exists" in message) == ("MN-CLI-010", True)
    assert Path("deployment.json").read_text() == "mine"


def test_a_folder_that_is_not_there_is_found_out_before_anything_is_sent(market: Market) -> None:
    assert market.refused("keeper", "deploy", "--out", "nowhere/x.json")[0] == "MN-CLI-010"


def test_an_account_without_coins_deploys_nothing(market: Market) -> None:
    assert market.refused("pauper", "deploy")[0] == "MN-CLI-012"
    assert not Path("deployment.json").exists()


def test_another_chain_than_configured_is_refused(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSION_CHAIN__CHAIN_ID", "1")
    monkeypatch.delenv("FUSION_CHAIN__DEPLOYMENT")
    assert market.refused("keeper", "deploy")[0] == "MN-CHAIN-003"


def test_development_parameters_stay_off_real_chains() -> None:
    with pytest.raises(FusionError, match="MN-CLI-011"):
        _params(Params.DEVELOPMENT, 1, yes=False)
    assert _params(Params.DEVELOPMENT, 1, yes=True) == PARAMS
    assert _params(None, 1, yes=False).unbond_seconds == 7 * 86_400
    assert _params(None, 31337, yes=False) == PARAMS
