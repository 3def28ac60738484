# SPDX-License-Identifier: Apache-2.0
"""Whose word is taken that a compiled model's files are its program.

A self-test tries inputs: a file that differs on a single chosen one passes it, and whoever knows
that input takes the bond of whoever runs the file. Only compiling the model again shows what its
files are. Attesters have done that, or this machine has.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from offchain_workers.chain.contracts import Network
from offchain_workers.chain.hashing import keccak
from offchain_workers.chain.past import Past
from offchain_workers.models.catalog import PublishedModel

CHECKED = "checked on this machine"
OWN = "published by this account"
HINT = "see `fusion model check`, and vouching.required"


@dataclass(frozen=True)
class Vouching:
    """``folder`` has the notes of models that were checked here; ``account``: who runs this.

    ``attesters``: whose attestations count; empty: of anybody with stake, but the publisher.
    ``required``: whether models are left alone that nobody vouches for.
    """

    network: Network
    folder: Path
    account: str
    attesters: Collection[str] = ()
    required: bool = True
    # Model to the attester that was found last: asked first whether it still counts.
    _known: dict[bytes, str] = field(default_factory=dict, repr=False, compare=False)

    def admits(self, model: PublishedModel) -> bool:
        """Whether its files may run here. Raises as ``voucher``."""
        return not self.required or self.voucher(model) is not None

    def voucher(self, model: PublishedModel) -> str | None:
        """Who vouches for the model: an attester's address, CHECKED or OWN; None when nobody does.

        Raises LogRangeRefusedError and the chain's errors.
        """
        files = _made(model.onnx_cid, model.card_cid, model.artifacts)
        if any((self.folder / note).exists() for note in (_checked(model.model_id), files)):
            return CHECKED
        return OWN if model.publisher == self.account else self._attester(model)

    def _attester(self, model: PublishedModel) -> str | None:
        known = self._known.get(model.model_id)
        if known is not None and self._counts(known, model):
            return known
        found = self._found(model)
        if found is not None:
            self._known[model.model_id] = found
        return found

    def _found(self, model: PublishedModel) -> str | None:
        models = self.network.models
        past = Past(models, self.network.start_block)
        head = models.w3.eth.block_number
        events = past.newest_first(("ModelAttested",), model.model_id, head)
        found = (str(event.args["attester"]) for event in events)
        return next((who for who in found if self._counts(who, model)), None)

    def _counts(self, who: str, model: PublishedModel) -> bool:
        """Whether the attestation stands, by the contract, and is of somebody that we listen to."""
        named = who in self.attesters if self.attesters else who != model.publisher
        if not named or not self.network.models.attested_at(model.model_id, who):
            return False
        operator = self.network.subnets.operator(who)
        return operator is not None and operator.stake >= self.network.models.attest_stake


def note_checked(folder: Path, model_id: bytes) -> None:
    """Remember that everything a model's record names came out again when it was made here."""
    _note(folder, _checked(model_id))


def note_made(folder: Path, onnx_cid: str, card_cid: str, artifacts: Mapping[bytes, bytes]) -> None:
    """The same of files that are not published yet: models with these artifacts, all of them and
    no other, are believed. ``artifacts`` by selector."""
    _note(folder, _made(onnx_cid, card_cid, artifacts))


def _note(folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()


def _checked(model_id: bytes) -> str:
    return f"checked-model-{model_id.hex()}"


def _made(onnx_cid: str, card_cid: str, artifacts: Mapping[bytes, bytes]) -> str:
    # Files alone say nothing: a record may name an honest model's files and another artifact.
    listed = sorted((selector.hex(), artifact.hex()) for selector, artifact in artifacts.items())
    about = json.dumps([onnx_cid, card_cid, listed])
    return f"checked-files-{keccak(about.encode()).hex()}"
