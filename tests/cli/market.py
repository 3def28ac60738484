# SPDX-License-Identifier: Apache-2.0
"""A market for the command line's tests: contracts on a real chain, a keystore for each role."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import HTTPProvider, Web3

from offchain_workers.chain.contracts import ChainParams, Network, deploy
from offchain_workers.chain.contracts.opml import OpmlParams, deploy_opml
from offchain_workers.chain.contracts.teeml_verifier import TeemlParams, deploy_teeml
from offchain_workers.chain.contracts.zkml import deploy_zkml
from offchain_workers.cli.deployment_file import describe, write
from offchain_workers.devnet import Devnet
from offchain_workers.models.demo import DemoModel, digits
from verifiers.teeml.onchain import root_words
from verifiers.teeml.simulated import Authority

PASSWORD = "correct horse"
ROLES = ("owner", "publisher", "operator", "backup", "keeper", "requester")
PARAMS = ChainParams.development()


@dataclass(frozen=True)
class Site:
    """A chain with the contracts, and the files that a command needs."""

    devnet: Devnet
    network: Network
    folder: Path

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    @property
    def deployment(self) -> Path:
        return self.folder / "deployment.json"

    def address(self, role: str) -> str:
        document = json.loads((self.keys / f"{role}.json").read_text())
        return Web3.to_checksum_address(document["address"])


def build(devnet: Devnet, folder: Path) -> Site:
    """Deploy, and write the deployment file and the keystores; ``pauper`` has no coins."""
    owner = devnet.accounts[0]
    w3 = Web3(HTTPProvider(devnet.url))
    network = deploy(w3, owner, PARAMS)
    deploy_opml(w3, owner, network, OpmlParams.development())
    deploy_zkml(w3, owner, network)
    trust = Authority().trust
    root = root_words(trust, trust.until)
    deploy_teeml(w3, owner, network, root, TeemlParams.development())
    site = Site(devnet, network, folder)
    write(site.deployment, describe(network, devnet.chain_id, PARAMS, owner.address))
    site.keys.mkdir()
    pauper: LocalAccount = Account.create()
    for name, account in zip(
        (*ROLES, "pauper"), (*devnet.accounts[: len(ROLES)], pauper), strict=True
    ):
        keystore = Account.encrypt(account.key, PASSWORD, kdf="pbkdf2", iterations=2)
        (site.keys / f"{name}.json").write_text(json.dumps(keystore))
    return site


class Market:
    """Runs commands as a role, in this process."""

    def __init__(self, site: Site, fusion: Any) -> None:
        self.site = site
        self._fusion = fusion

    def run(self, role: str, *args: str) -> dict[str, Any]:
        """The JSON of a command that must work."""
        code, out, err = self._fusion(*args, "--account", role, "--json")
        assert code == 0, (out, err)
        document: dict[str, Any] = json.loads(out)
        return document

    def read(self, *args: str) -> dict[str, Any]:
        """The JSON of a command that needs no account and must work."""
        code, out, err = self._fusion(*args, "--json")
        assert code == 0, (out, err)
        document: dict[str, Any] = json.loads(out)
        return document

    def shown(self, *args: str) -> str:
        """What people see of a command that must work."""
        code, out, err = self._fusion(*args)
        assert code == 0, (out, err)
        return str(out)

    def refused(self, role: str | None, *args: str) -> tuple[str, str]:
        """Code and message of a command that must fail with one line, and send nothing."""
        before = self.blocks()
        code, out, err = self._fusion(*args, *(("--account", role) if role else ()))
        assert code == 1, (out, err)
        assert out == ""
        assert err.startswith("error MN-")
        assert err.count("\n") == 1
        assert self.blocks() == before
        found, _, message = err.removeprefix("error ").partition(": ")
        return found, message

    def blocks(self) -> int:
        return int(self.site.devnet.rpc("eth_blockNumber"), 16)

    def next_epoch(self) -> None:
        """Mine until the running epoch is over."""
        self.site.devnet.mine(PARAMS.epoch_blocks - self.blocks() % PARAMS.epoch_blocks)


def model_files(folder: Path, model: DemoModel | None = None) -> tuple[str, str]:
    """Paths of an ONNX file and its card, as a publisher would have them."""
    chosen = model or digits()
    onnx, card = folder / f"{chosen.card.name}.onnx", folder / f"{chosen.card.name}.json"
    onnx.write_bytes(chosen.onnx_bytes)
    card.write_text(json.dumps(json.loads(chosen.card.canonical()), indent=2))
    return str(onnx), str(card)
