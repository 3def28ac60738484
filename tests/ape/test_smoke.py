# SPDX-License-Identifier: Apache-2.0
"""`ape test tests/ape`: the contracts compile, deploy, and a job is posted and paid."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import ape
import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from offchain_workers.chain.artifact import load
from offchain_workers.chain.contracts import ChainParams, JobStatus, JobTerms, Spec, Tier
from offchain_workers.chain.contracts.opml import OPML, OpmlParams
from offchain_workers.chain.contracts.teeml_verifier import TEEML, TeemlParams
from offchain_workers.chain.contracts.terms import selector_of
from offchain_workers.chain.contracts.zkml import ZKML
from scripts.deploy import (
    Deployed,
    Deployer,
    deploy_opml,
    deploy_teeml,
    deploy_zkml,
    simulated_root,
)
from verifiers.zkml.srs import CEREMONY_NEG_TAU_G2

ROOT = Path(__file__).parents[2]
NONE = selector_of("none")
PRICE = 10**12
CONTRACTS = (
    "JobMarketplace", "ModelRegistry", "SubnetRegistry", "OpmlVerifier", "ZkmlVerifier",
    "TeemlVerifier", "DcapVerifier", "IntelCollateral",
)  # fmt: skip


@pytest.fixture(scope="module")
def model_id(market: Deployed, accounts: Any) -> bytes:
    publisher = accounts[1]
    record = (keccak(b"onnx"), keccak(b"card"), bytes(32), 500, [])
    market.models.publish(*record, "http://127.0.0.1/", sender=publisher)
    return bytes(market.models.model_id_of(publisher.address, *record))


@pytest.fixture(scope="module")
def spec(market: Deployed, model_id: bytes, params: ChainParams, accounts: Any, chain: Any) -> Spec:
    """A spec whose subnet of two is formed."""
    for operator in accounts[2:4]:
        market.subnets.register(bytes(32), "http://127.0.0.1:1", value=10**18, sender=operator)
        market.subnets.opt_in(NONE, sender=operator)
        offer = (model_id, NONE, "0x" + "00" * 20, int(Tier.WEB3_SHARE), 0, PRICE, 0)
        market.subnets.offer(*offer, sender=operator)
    chain.mine(params.epoch_blocks)
    spec = Spec(model_id, NONE, band=40, k=2)
    requester = accounts[4]
    market.subnets.request(spec.abi(), value=params.formation_tip, sender=requester)
    while chain.blocks.height <= market.subnets.seed_block(spec.spec_id):
        chain.mine()
    market.subnets.form(spec.abi(), sender=requester)
    return spec


def terms_for(market: Deployed, spec: Spec, requester: Any, chain: Any) -> JobTerms:
    now = chain.pending_timestamp
    return JobTerms(
        requester=requester.address,
        model_id=spec.model_id,
        selector=NONE,
        subnet_id=bytes(market.subnets.latest_subnet(spec.abi())[0]),
        input_commitment=keccak(b"input"),
        max_price=PRICE,
        deliver_by=now + 600,
        resolve_by=now + 600,
        turn_length=60,
        fee_cap=100,
        royalty_cap=500,
    )


@pytest.mark.parametrize("name", CONTRACTS)
def test_ape_compiles_what_ships(project: Any, name: str) -> None:
    compiled = getattr(project, name).contract_type.deployment_bytecode.bytecode
    assert bytes.fromhex(compiled.removeprefix("0x")) == load(name).bytecode


def test_the_contracts_name_one_another(market: Deployed, owner: Any) -> None:
    assert market.marketplace.SUBNETS() == market.subnets.address
    assert market.subnets.MARKET() == market.marketplace.address
    assert market.models.SUBNETS() == market.subnets.address
    assert market.marketplace.owner() == owner.address


def test_a_job_is_posted_delivered_and_paid(
    market: Deployed, spec: Spec, accounts: Any, chain: Any
) -> None:
    requester = accounts[5]
    terms = terms_for(market, spec, requester, chain)
    tip = market.marketplace.KEEPER_TIP()
    market.marketplace.post(terms.abi(), b"\x00input", value=PRICE + tip, sender=requester)
    job_id = market.marketplace.job_id_of(terms.abi())
    assert market.marketplace.job(job_id)[0] == JobStatus.OPEN

    primary = market.subnets.members(terms.subnet_id)[0]
    operator = next(account for account in accounts[2:4] if account.address == primary)
    receipt = market.marketplace.deliver(
        terms.abi(), operator, b"answer", JobStatus.PAID, 0, sender=operator
    )
    assert market.marketplace.job(job_id)[0] == JobStatus.PAID
    [closed] = receipt.events.filter(market.marketplace.JobClosed)
    assert closed.price == PRICE
    earned = market.marketplace.balance_of("0x" + "00" * 20, primary)
    assert earned == PRICE * 94 // 100 + tip
    market.marketplace.withdraw("0x" + "00" * 20, earned, primary, sender=operator)


def test_a_stranger_delivers_nothing(
    market: Deployed, spec: Spec, accounts: Any, chain: Any
) -> None:
    requester, stranger = accounts[5], accounts[6]
    terms = terms_for(market, spec, requester, chain)
    tip = market.marketplace.KEEPER_TIP()
    market.marketplace.post(terms.abi(), b"\x00input", value=PRICE + tip, sender=requester)
    with ape.reverts("not opted in"):
        market.marketplace.deliver(
            terms.abi(), stranger, b"answer", JobStatus.PAID, 0, sender=stranger
        )


def test_the_deploy_script_runs_and_writes_its_file(tmp_path: Path) -> None:
    out = tmp_path / "deployment.json"
    command = ["ape", "run", "deploy", "--network", "ethereum:local:test", "--out", str(out)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(out.read_text())
    assert document["addresses"].keys() == {"marketplace", "models", "subnets"}
    assert document["start_block"] == 1
    assert document["methods"].keys() == {"opml", "zkml", "teeml"}
    assert re.search(r"^TeemlVerifier +[\d,]+ gas$", done.stdout, re.MULTILINE)
    assert re.search(r"^all +[\d,]+ gas$", done.stdout, re.MULTILINE)
    written = *document["addresses"].values(), *document["methods"].values()
    assert all(address in done.stdout for address in written)


def test_opml_is_listed_as_on_every_chain(market: Deployed, deployer: Deployer) -> None:
    params = OpmlParams.development()
    verifier = deploy_opml(deployer, market, params)
    listed = market.marketplace.method(OPML)
    assert listed[0] == verifier.address
    assert verifier.MARKET() == market.marketplace.address
    assert params.max_delay in tuple(listed)
    assert ape.chain.provider.get_balance(verifier.AUDITS()) == params.audit_fund


def test_zkml_is_listed_with_the_ceremonys_verifier(market: Deployed, deployer: Deployer) -> None:
    verifier = deploy_zkml(deployer, market)
    listed = market.marketplace.method(ZKML)
    assert (listed.plugin, listed.max_n, listed.hedge) == (verifier.address, 1, False)
    setup = keccak(encode(["uint256[4]"], [CEREMONY_NEG_TAU_G2]))
    halo2 = ape.chain.provider.get_code(verifier.verifier_of(setup))
    assert len(halo2) > 12_000
    blueprint = bytes(ape.chain.provider.get_code(verifier.BLUEPRINT()))
    assert blueprint == bytes.fromhex("fe7100") + load("Halo2Verifier").bytecode


def test_teeml_is_listed_under_its_root(market: Deployed, deployer: Deployer, project: Any) -> None:
    params = TeemlParams.development()
    verifier = deploy_teeml(deployer, market, simulated_root(), params)
    listed = market.marketplace.method(TEEML)
    assert (listed.plugin, listed.max_delay) == (verifier.address, params.max_hold)
    assert listed.hedge
    assert verifier.SUBNETS() == market.subnets.address
    collateral = project.IntelCollateral.at(verifier.COLLATERAL())
    assert collateral.SIMULATED()
    assert project.DcapVerifier.at(verifier.DCAP()).COLLATERAL() == collateral.address
