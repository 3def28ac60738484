# SPDX-License-Identifier: Apache-2.0
"""Method `zkml` as a publisher and a requester use it: any MLP, any small network, by commands."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_wine
from sklearn.neural_network import MLPClassifier

from offchain_workers.chain.contracts.zkml import ZKML
from offchain_workers.localnet import Localnet
from offchain_workers.localnet.attesting import attest
from offchain_workers.localnet.plan import GWEI, WORKERS, WorkerPlan
from tests.zkml.circuits import cnn, written

COMMAND_SECONDS = 300
SHARE = WORKERS[1]
# A proof costs more gas than other deliveries.
WORKER = WorkerPlan(SHARE.name, SHARE.tier, 5_000_000 * GWEI, SHARE.stake)


@dataclass
class Market:
    """Two circuits are published, one worker proves."""

    net: Localnet
    folder: Path
    wine: str
    cnn: str
    kinds: list[float]

    def fusion(self, *args: str) -> dict[str, Any]:
        """The JSON of a command that must work."""
        return fusion(self.net, *args)


def fusion(net: Localnet, *args: str) -> dict[str, Any]:
    done = run(net, *args)
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def run(net: Localnet, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "offchain_workers.cli", *args, "--json"],
        env={"FUSION_CONFIG": str(net.layout.config), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )


def wine_model(folder: Path) -> tuple[Path, Path, np.ndarray[Any, Any]]:
    """ONNX file, samples, and an input: of a data set that nothing here was made for."""
    data, kinds = load_wine(return_X_y=True)
    data = (data - data.mean(0)) / data.std(0)
    found = MLPClassifier((6,), random_state=0, max_iter=3_000).fit(data, kinds)
    constants = {
        f"{name}{i}": numpy_helper.from_array(value.astype(np.float32), f"{name}{i}")
        for name, values in (("w", found.coefs_), ("b", found.intercepts_))
        for i, value in enumerate(values)
    }
    nodes = [
        helper.make_node("Gemm", ["x", "w0", "b0"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("Gemm", ["active", "w1", "b1"], ["scores"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 13])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 3])
    graph = helper.make_graph(nodes, "wine", [x], [scores], list(constants.values()))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    path, samples = folder / "wine.onnx", folder / "samples.json"
    path.write_bytes(onnx.ModelProto.SerializeToString(model))
    samples.write_text(json.dumps({"input_data": data[::20].tolist()}))
    return path, samples, data[100]


@pytest.fixture(scope="module", params=[pytest.param("anvil", marks=pytest.mark.anvil)])
def market(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Market]:
    folder = tmp_path_factory.mktemp("zkml")
    with ExitStack() as stack:
        net = Localnet(folder / "market", kind=request.param, workers=(), models=lambda: ())
        stack.enter_context(net)
        path, samples, given = wine_model(folder)
        bundle = str(folder / "bundle")
        fusion(net, "zkml", "setup", str(path), "--sample", str(samples), "--out", bundle)
        (folder / "wine.json").write_text(json.dumps(given.tolist()))
        written(cnn(), folder / "cnn")
        ids = [
            str(fusion(net, "model", "publish", str(each), "--uri", net.blob_url)["id"])
            for each in (bundle, folder / "cnn")
        ]
        models = [bytes.fromhex(text[2:]) for text in ids]
        for model in models:
            attest(net, model)
        net.onboard(WORKER, models, ZKML)
        net.await_workers()
        yield Market(net, folder, *ids, kinds=list(given))


def test_a_model_of_ones_own_is_proved_and_paid(market: Market) -> None:
    job = market.fusion(
        "post", "--model", market.wine, "--input", str(market.folder / "wine.json"),
        "--method", "zkml", "--members", "1", "--wait",
    )  # fmt: skip
    assert job["status"] == "paid"
    assert job["accepted"] is True
    [answer] = job["answers"]
    session = _float_answer(market.folder / "wine.onnx", market.kinds)
    assert np.abs(np.array(answer["outputs"]["answer"]) / 2 ** scale(market) - session).max() < 0.05
    assert np.abs(np.array(answer["reals"]["answer"]) - session).max() < 0.05


def scale(market: Market) -> int:
    tree = json.loads((market.folder / "bundle" / "circuit.json").read_text())
    return int(tree["circuit"]["output_scale"])


def _float_answer(path: Path, given: list[float]) -> np.ndarray[Any, Any]:
    import onnxruntime as ort

    session = ort.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    answer: np.ndarray[Any, Any] = session.run(None, {"x": np.array([given], np.float32)})[0][0]
    return answer


def test_an_input_that_is_committed_to_is_proved_and_paid(market: Market) -> None:
    """The requester commits with the model's published key and setup."""
    image = market.folder / "image.json"
    image.write_text(json.dumps([int(value) for value in np.arange(64) % 15]))
    job = market.fusion(
        "post", "--model", market.cnn, "--input", str(image),
        "--method", "zkml", "--members", "1", "--wait",
    )  # fmt: skip
    assert (job["status"], job["accepted"]) == ("paid", True)


@pytest.mark.parametrize(
    ("how", "code"),
    [
        (["--method", "zkml"], "MN-ZK-055"),
        (["--method", "none"], "MN-REQ-010"),
        (["--method", "zkml", "--best-effort"], "MN-CLI-070"),
        (["--method", "zkml", "--locator", "http://127.0.0.1:9"], "MN-CLI-070"),
    ],
    ids=["public input", "no method", "nobody accepted", "elsewhere"],
)
def test_a_job_that_would_show_its_input_is_not_posted_as_private(
    market: Market, how: list[str], code: str
) -> None:
    wine = str(market.folder / "wine.json")
    head = market.net.pool.w3.eth.block_number
    done = run(market.net, "post", "--model", market.wine, "--input", wine, "--private", *how)
    assert json.loads(done.stdout)["error"]["code"] == code
    assert market.net.pool.w3.eth.block_number == head


def test_an_attester_makes_everything_again(market: Market) -> None:
    for model in (market.wine, market.cnn):
        assert market.fusion("model", "check", model)["checked"] is True
