# SPDX-License-Identifier: Apache-2.0
"""`fusion opml compile`: what a newcomer gets wrong is one clear line, before the long work."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx as onnx_files
import pytest
from onnx import TensorProto, helper, numpy_helper

from offchain_workers.models.demo import digits
from tests.cli.conftest import Fusion

PIXELS = np.random.default_rng(0).integers(0, 17, (40, 64)).astype(np.float32)


@pytest.fixture
def onnx(home: Path) -> str:
    (home / "digits.onnx").write_bytes(digits().onnx_bytes)
    return "digits.onnx"


def refused(fusion: Fusion, *args: str) -> tuple[str, str]:
    code, out, err = fusion("opml", "compile", *args)
    assert (code, out, err.count("\n")) == (1, "", 1), err
    found, _, message = err.removeprefix("error ").partition(": ")
    return found, message


def test_an_array_of_samples_needs_no_archive(fusion: Fusion, onnx: str) -> None:
    np.save("samples.npy", PIXELS)
    code, _, err = fusion("opml", "compile", onnx, "--samples", "samples.npy", "--out", "out")
    assert code == 0, err
    assert (Path("out") / "card.json").exists()


@pytest.mark.parametrize(
    "samples",
    [
        np.full((8, 64), np.nan, np.float32),
        np.where(PIXELS > 15, np.inf, PIXELS),
        np.full((8, 64), "text"),
        np.float32(3),
        PIXELS[:, :5],
        PIXELS[:0],
    ],
    ids=["nan", "infinite", "text", "one number", "another shape", "none"],
)
def test_samples_that_are_none(fusion: Fusion, onnx: str, samples: object) -> None:
    np.savez("samples.npz", samples)
    found, _ = refused(fusion, onnx, "--samples", "samples.npz", "--out", "out")
    assert found == "MN-OPML-003"
    assert not Path("out").exists()


@pytest.mark.parametrize("out", ["digits.onnx", "digits.onnx/below", "/proc/nothing"])
def test_a_folder_that_can_not_be_made(fusion: Fusion, onnx: str, out: str) -> None:
    np.save("samples.npy", PIXELS)
    assert refused(fusion, onnx, "--samples", "samples.npy", "--out", out)[0] == "MN-CLI-032"


@pytest.mark.parametrize(
    "option", [("--agreement", "2"), ("--agreement", "-1"), ("--percentile", "101")]
)
def test_shares_out_of_range_are_wrong_usage(
    fusion: Fusion, onnx: str, option: tuple[str, str]
) -> None:
    code, _, err = fusion("opml", "compile", onnx, "--samples", "x", "--out", "out", *option)
    assert code == 2
    assert option[0] in err


def test_a_bundle_is_kept_where_it_can_not_be_noted_as_checked(
    fusion: Fusion, onnx: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save("samples.npy", PIXELS)
    monkeypatch.setenv("FUSION_STORAGE__FOLDER", onnx)
    code, out, err = fusion(
        "opml", "compile", onnx, "--samples", "samples.npy", "--out", "out", "--json"
    )
    assert code == 0, err
    assert '"artifact"' in out
    assert err.startswith("warning: not noted")


def test_samples_are_nested_lists_as_well(fusion: Fusion, onnx: str) -> None:
    Path("samples.json").write_text(json.dumps(PIXELS.tolist()))
    code, _, err = fusion("opml", "compile", onnx, "--samples", "samples.json", "--out", "out")
    assert code == 0, err


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("one.json", json.dumps(PIXELS[0].tolist()), "first axis"),
        ("tree.json", '{"pixels": []}', "first axis"),
        ("samples.csv", "1,2,3", ".npz"),
        ("no.npz", None, "No such file"),
    ],
)
def test_what_is_wrong_with_samples_is_said(
    fusion: Fusion, onnx: str, name: str, text: str | None, says: str
) -> None:
    if text is not None:
        Path(name).write_text(text)
    found, message = refused(fusion, onnx, "--samples", name, "--out", "out")
    assert found == "MN-OPML-003"
    assert says in message


def test_times_are_the_publishers_choice(fusion: Fusion, onnx: str) -> None:
    np.save("samples.npy", PIXELS[:4])
    args = (onnx, "--samples", "samples.npy", "--out", "out", "--clock", "15m")
    code, _, err = fusion("opml", "compile", *args, "--window", "30m")
    assert code == 0, err
    header = json.loads(Path("out/header.json").read_text())
    assert (header["window"], header["clock"]) == (1_800, 900)
    assert refused(fusion, *args, "--window", "30")[0] == "MN-CLI-002"


def _mean() -> onnx_files.ModelProto:
    """Of four numbers: a model with one output."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "mean",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(np.full((4, 1), 0.25, np.float32), "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_of_one_output_no_agreement_is_claimed(fusion: Fusion) -> None:
    onnx_files.save(_mean(), "mean.onnx")
    np.save("samples.npy", PIXELS[:8, :4])
    args = ("mean.onnx", "--samples", "samples.npy", "--out", "out")
    code, out, err = fusion("opml", "compile", *args, "--json")
    assert code == 0, err
    assert json.loads(out)["top1_agreement"] is None
    assert "top1_agreement" not in json.loads(Path("out/card.json").read_text())["accuracy"]
    assert refused(fusion, *args, "--agreement", "0.9")[0] == "MN-OPML-007"
