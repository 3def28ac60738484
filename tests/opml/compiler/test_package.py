# SPDX-License-Identifier: Apache-2.0
"""Bundles: deterministic, checked, and what their cards say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from typer.testing import CliRunner

from offchain_workers.cli import app
from offchain_workers.cli.run import Run
from offchain_workers.codecs import get_codec
from offchain_workers.models import ModelCard
from offchain_workers.models.demo import digits
from offchain_workers.storage import content_id
from tests.opml.compiler.support import assert_exact
from verifiers.opml.compiler.checking import check
from verifiers.opml.compiler.compile import Options, compile_graph
from verifiers.opml.compiler.errors import BundleError, SamplesError
from verifiers.opml.compiler.package import ACCURACY_FILE, CARD_FILE, Package, build
from verifiers.opml.compiler.samples import read_samples


@pytest.fixture(scope="module")
def images() -> tuple[np.ndarray, np.ndarray]:
    pixels, labels = load_digits(return_X_y=True)
    return pixels.astype(np.float32), labels


@pytest.fixture(scope="module")
def package(images: tuple[np.ndarray, np.ndarray]) -> Package:
    pixels, labels = images
    return build(
        digits().onnx_bytes,
        list(pixels[:100]),
        list(pixels[100:500]),
        labels=list(labels[100:500]),
        parent=digits().card,
    )


def test_digits_agree_with_their_float_parent(package: Package) -> None:
    assert package.accuracy.agreement >= 0.995
    assert package.accuracy.right_integer is not None
    assert package.accuracy.right_float is not None
    assert package.accuracy.right_integer >= package.accuracy.right_float - 0.005
    assert len(package.accuracy.inputs) == 400


def test_digits_are_exact_in_every_lowering(images: tuple[np.ndarray, np.ndarray]) -> None:
    pixels, _ = images
    made = compile_graph(digits().onnx_bytes, list(pixels[:50]))
    assert_exact(made, list(pixels[50:53]))


def test_compiling_twice_gives_the_same_bytes(
    package: Package, images: tuple[np.ndarray, np.ndarray]
) -> None:
    pixels, labels = images
    again = build(
        digits().onnx_bytes,
        list(pixels[:100]),
        list(pixels[100:500]),
        labels=list(labels[100:500]),
        parent=digits().card,
    )
    assert again.files == package.files


def test_each_node_has_the_name_that_the_float_model_gives_it(package: Package) -> None:
    names = json.loads(package.files["names.json"])
    assert names == ["weighted1 -> biased1", "hidden", "weighted2 -> logits"]


def test_a_bundle_checks_and_recompiles(package: Package, tmp_path: Path) -> None:
    package.write(tmp_path)
    assert check(tmp_path, digits().onnx_bytes) == package.header
    assert check(tmp_path, digits().onnx_bytes, digits().card) == package.header


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        (("methods", "opml", "input", "scale"), 2.0, "input"),
        (("methods", "opml", "output", "zero"), 1, "output"),
        (("accuracy", "top1_agreement"), 0.5, "accuracy"),
        (("outputs", 0, "shape"), [2, 5], "outputs"),
        (("licence",), "MIT", "licence"),
    ],
)
def test_a_card_that_says_something_else_is_found(
    package: Package, tmp_path: Path, place: tuple[str | int, ...], value: object, named: str
) -> None:
    package.write(tmp_path)
    tree = json.loads(package.card.canonical())
    inner = tree
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    changed = ModelCard.from_json(json.dumps(tree).encode())
    (tmp_path / CARD_FILE).write_bytes(changed.canonical())
    with pytest.raises(BundleError, match=rf"card\.json has another {named}"):
        check(tmp_path, digits().onnx_bytes, digits().card)


@pytest.mark.parametrize(
    ("figure", "value"),
    [("top1_agreement", 0.5), ("worst_error", 0.0), ("sqnr_db", {}), ("held_out", False)],
)
def test_figures_of_accuracy_that_are_not_measured_are_found(
    package: Package, tmp_path: Path, figure: str, value: object
) -> None:
    package.write(tmp_path)
    figures = json.loads(package.files[ACCURACY_FILE]) | {figure: value}
    (tmp_path / ACCURACY_FILE).write_text(json.dumps(figures))
    tree = json.loads(package.card.canonical())
    cid = content_id((tmp_path / ACCURACY_FILE).read_bytes())
    tree["methods"]["opml"]["manifest"][ACCURACY_FILE] = cid
    tree["accuracy"] |= {k: v for k, v in figures.items() if k in tree["accuracy"]}
    changed = ModelCard.from_json(json.dumps(tree).encode())
    (tmp_path / CARD_FILE).write_bytes(changed.canonical())
    with pytest.raises(BundleError, match=r"accuracy\.json has another"):
        check(tmp_path, digits().onnx_bytes, digits().card)


def test_a_bundle_without_a_card_of_its_parent_checks(
    images: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    made = build(digits().onnx_bytes, list(images[0][:20]))
    made.write(tmp_path)
    assert check(tmp_path, digits().onnx_bytes, digits().card) == made.header


def test_a_changed_file_is_found(package: Package, tmp_path: Path) -> None:
    package.write(tmp_path)
    (tmp_path / "trace.onnx").write_bytes(package.files["model.onnx"])
    with pytest.raises(BundleError, match=r"trace\.onnx"):
        check(tmp_path)


def test_another_parent_is_found(package: Package, tmp_path: Path) -> None:
    package.write(tmp_path)
    with pytest.raises(BundleError, match="another ONNX"):
        check(tmp_path, b"other")


def test_the_codec_reads_the_integers_of_the_child(package: Package) -> None:
    codec, quant = get_codec("digits@1"), package.card.methods["opml"]["output"]  # type: ignore
    logits = np.linspace(-3, 4, 10)
    elements = np.rint(logits / quant["scale"]) + quant["zero"]
    answer = codec.decode(package.card, elements.astype("<u2").tobytes())
    assert answer["label"] == "9"
    assert answer["score"] == pytest.approx(np.exp(4) / np.exp(logits).sum(), abs=0.01)


def test_samples_come_from_archives_and_folders(tmp_path: Path) -> None:
    np.savez(tmp_path / "all.npz", samples=np.zeros((3, 4), np.float32))
    assert len(read_samples(tmp_path / "all.npz")) == 3
    folder = tmp_path / "folder"
    folder.mkdir()
    np.save(folder / "a.npy", np.zeros(4, np.float32))
    assert len(read_samples(folder)) == 1
    (folder / "b.txt").write_text("no array")
    with pytest.raises(SamplesError, match=r"b\.txt"):
        read_samples(folder)


def test_the_command_line_compiles_and_checks(
    images: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    pixels, _ = images
    (tmp_path / "digits.onnx").write_bytes(digits().onnx_bytes)
    (tmp_path / "card.json").write_bytes(digits().card.canonical())
    np.savez(tmp_path / "samples.npz", samples=pixels[:40])
    onnx, out = str(tmp_path / "digits.onnx"), str(tmp_path / "out")
    args = ["opml", "compile", onnx, "--samples", str(tmp_path / "samples.npz"), "--out", out]
    card = ["--card", str(tmp_path / "card.json"), "--json"]
    result = CliRunner().invoke(app, [*args, *card], obj=Run(), catch_exceptions=False)
    assert result.exit_code == 0
    facts = json.loads(result.stdout)
    assert facts["top1_agreement"] >= 0.97
    checked = ["opml", "check", out, "--onnx", onnx, "--json"]
    result = CliRunner().invoke(app, checked, obj=Run(), catch_exceptions=False)
    assert json.loads(result.stdout)["artifact"] == facts["artifact"]


def test_options_are_kept(images: tuple[np.ndarray, np.ndarray]) -> None:
    pixels, _ = images
    made = build(digits().onnx_bytes, list(pixels[:5]), options=Options(window=7, clock=9))
    assert (made.header.window, made.header.clock) == (7, 9)
    assert json.loads(made.files["options.json"])["clock"] == 9
