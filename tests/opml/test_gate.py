# SPDX-License-Identifier: Apache-2.0
"""No worker puts a bond behind a machine that computes otherwise than the program."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from web3 import Web3

from offchain_workers.chain.contracts import Network
from offchain_workers.chain.contracts.base import ZERO_ADDRESS
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.errors import FusionError
from offchain_workers.models import ModelSpec
from offchain_workers.models.catalog import PublishedModel
from offchain_workers.storage import content_id
from tests.opml.compiled import Bundle, digits_bundle
from tests.opml.lies import tampered
from verifiers.base import Candidate
from verifiers.opml import gate
from verifiers.opml.files import Files
from verifiers.opml.openings import Execution
from verifiers.opml.play_errors import BarredError, SelfTestError
from verifiers.opml.trace import Tracer

GIVEN = bytes(range(64))


def candidate(bundle: Bundle, folder: Path, **changes: Any) -> Candidate:
    """As a worker would ask on this machine."""
    engine = EmbeddedEngine("cpu")
    onnx = bundle.files["model.onnx"]
    made = Candidate(
        bundle.card,
        bundle.header.artifact_id(),
        engine.load(ModelSpec(bundle.card, content_id(onnx)), onnx),
        engine.provider,
        f"onnxruntime {engine.runtime_version}",
        bundle.blob,
        folder,
        PublishedModel(bytes(32), "", "", "", bytes(32), 0, "", 0, {}),
        Network.at(Web3(), *[ZERO_ADDRESS] * 3, start_block=0),
    )
    return replace(made, **changes)


class Off:
    """A session that is wrong by one in one place."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def run(self, inputs: Any) -> dict[str, Any]:
        outputs = self._session.run(inputs)
        return {
            name: np.where(np.arange(10) == 3, array ^ 1, array) for name, array in outputs.items()
        }


def test_a_compiled_model_may_be_served_and_is_tested_once(tmp_path: Path) -> None:
    asked = candidate(digits_bundle(), tmp_path)
    gate.admit(asked)
    gate.admit(replace(asked, session=Off(asked.session)))
    [kept] = tmp_path.iterdir()
    kept.unlink()
    with pytest.raises(SelfTestError, match=r"the model: element 3 is .* \(1 of 10 differ\)"):
        gate.admit(replace(asked, session=Off(asked.session)))


@pytest.mark.parametrize(
    "changes", [{"provider": "other"}, {"runtime": "onnxruntime 0"}], ids=["provider", "version"]
)
def test_another_runtime_is_tested_for_itself(tmp_path: Path, changes: dict[str, str]) -> None:
    gate.admit(candidate(digits_bundle(), tmp_path))
    gate.admit(candidate(digits_bundle(), tmp_path, **changes))
    assert len(list(tmp_path.iterdir())) == 2


def test_a_refusal_is_kept(tmp_path: Path) -> None:
    asked = candidate(digits_bundle(), tmp_path)
    with pytest.raises(SelfTestError) as first:
        gate.admit(replace(asked, session=Off(asked.session)))
    with pytest.raises(BarredError) as again:
        gate.admit(asked)
    assert str(again.value) == str(first.value)


@pytest.mark.parametrize("name", ["trace.onnx", "probe.onnx"])
def test_a_lowering_of_other_weights_is_found_out_node_by_node(tmp_path: Path, name: str) -> None:
    """One float of the first layer's weights or bias differs."""
    bundle = digits_bundle()
    wrong = bundle.changed(name, tampered(bundle.files[name]))
    with pytest.raises(SelfTestError, match="MN-OPML-075: node 0: element") as refused:
        gate.admit(candidate(wrong, tmp_path))
    assert refused.value.node == 0


def test_files_of_another_artifact_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FusionError, match="MN-OPML-072"):
        gate.admit(candidate(digits_bundle(), tmp_path, artifact_id=b"\1" * 32))


def test_traces_of_both_kinds_are_the_same() -> None:
    bundle = digits_bundle()
    fast = Tracer(bundle.program, bundle.files["trace.onnx"]).execution(GIVEN)
    slow = Tracer(bundle.program, None).execution(GIVEN)
    assert outputs(fast) == outputs(slow)
    assert fast.trace.root == slow.trace.root
    assert Files(bundle.card, bundle.header.artifact_id(), bundle.blob).header() == bundle.header


def outputs(execution: Execution) -> list[bytes]:
    return [tensor.data for tensor in execution.outputs]
