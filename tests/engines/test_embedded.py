# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from offchain_workers.engines import EngineError
from offchain_workers.engines.base import check_arrays
from offchain_workers.engines.embedded import CANARY, EmbeddedEngine
from offchain_workers.engines.errors import (
    EngineClosedError,
    ExternalDataError,
    ModelCorruptError,
    ModelTooLargeError,
    ProviderUnavailableError,
    RunFailedError,
    SignatureError,
    WrongModelError,
)
from offchain_workers.engines.onnx_scan import refuse_external_data
from offchain_workers.models import TensorSpec
from offchain_workers.models.demo import digits, magika
from tests.engines.onnx_files import LOOK_UP, X, Y, add_one, graph_bytes, look_up, spec_of

ROOT = Path(__file__).parents[2]
ENGINE = EmbeddedEngine()


def test_runs_a_model() -> None:
    session = ENGINE.load(spec_of(add_one()), add_one())
    answer = session.run({"x": np.array([[1, 2], [3, 4]], np.float32)})
    assert answer["y"].tolist() == [[2, 3], [4, 5]]
    assert session.providers == ("CPUExecutionProvider",)
    assert session.signature.any_batch
    assert session.signature.inputs[0].shape == (None, 2)


@pytest.mark.parametrize("build", [digits, magika])
def test_demo_models_fit_their_cards(build: object) -> None:
    model = build()  # type: ignore[operator]
    session = ENGINE.load(model.spec, model.onnx_bytes)
    assert session.signature.any_batch


def test_several_threads_share_a_session() -> None:
    session = ENGINE.load(spec_of(add_one()), add_one())
    with ThreadPoolExecutor(4) as pool:
        rows = [np.full((1, 2), i, np.float32) for i in range(200)]
        answers = list(pool.map(lambda row: session.run({"x": row})["y"][0, 0], rows))
    assert answers == [i + 1 for i in range(200)]


def test_a_closed_session_says_so() -> None:
    session = ENGINE.load(spec_of(add_one()), add_one())
    session.close()
    with pytest.raises(EngineClosedError):
        session.run({"x": np.zeros((1, 2), np.float32)})


@pytest.mark.parametrize(
    "data",
    [b"", b"not onnx", os.urandom(5000), b"\x08", b"\xff" * 50, add_one()[:-3]],
    ids=["empty", "text", "noise", "tag", "ones", "cut"],
)
def test_corrupt_files(data: bytes) -> None:
    with pytest.raises(ModelCorruptError) as caught:
        ENGINE.load(spec_of(data), data)
    assert "\n" not in str(caught.value)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_file_loads_or_is_a_typed_error(data: st.DataObject) -> None:
    """A flipped byte may give another valid model; it never gives an untyped error."""
    model = bytearray(add_one())
    for _ in range(data.draw(st.integers(1, 3))):
        model[data.draw(st.integers(0, len(model) - 1))] = data.draw(st.integers(0, 255))
    try:
        ENGINE.load(spec_of(bytes(model)), bytes(model))
    except EngineError:
        return


def test_a_file_over_the_limit_is_not_parsed() -> None:
    with pytest.raises(ModelTooLargeError, match="limit 100"):
        ENGINE.load(spec_of(bytes(101), max_onnx_bytes=100), bytes(101))
    with pytest.raises(ModelTooLargeError, match="limit 50"):
        EmbeddedEngine(max_onnx_bytes=50).load(spec_of(bytes(51)), bytes(51))


def test_another_file_than_the_one_asked_for() -> None:
    with pytest.raises(WrongModelError):
        ENGINE.load(spec_of(add_one()), add_one(width=3))


def outside(location: str) -> TensorProto:
    tensor = numpy_helper.from_array(np.ones(2, np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


FLOATS = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])
RESULT = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])


@pytest.mark.parametrize("location", ["weights.bin", "/etc/passwd", "*/_ORT_MEM_ADDR_/*"])
def test_weights_outside_of_the_file(location: str) -> None:
    node = helper.make_node("Add", ["x", "w"], ["y"])
    model = graph_bytes([node], [FLOATS], [RESULT], [outside(location)])
    with pytest.raises(ExternalDataError):
        ENGINE.load(spec_of(model), model)


def test_weights_outside_are_found_wherever_they_hide() -> None:
    constant = helper.make_node("Constant", [], ["c"], value=outside("w.bin"))
    branch = helper.make_graph([constant], "branch", [], [helper.make_empty_tensor_value_info("c")])
    either = helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)
    sparse = helper.make_sparse_tensor(
        outside("w.bin"), numpy_helper.from_array(np.array([0], np.int64)), [2]
    )
    graph = helper.make_graph([], "g", [FLOATS], [RESULT], sparse_initializer=[sparse])
    function = helper.make_function(
        "toy", "F", ["x"], ["y"], [constant], [helper.make_opsetid("", 13)]
    )
    in_function = helper.make_model(helper.make_graph([], "g", [FLOATS], [RESULT]))
    in_function.functions.append(function)
    files = [
        graph_bytes([constant], [FLOATS], [RESULT]),
        graph_bytes([either], [FLOATS], [RESULT]),
        helper.make_model(graph).SerializeToString(),
        in_function.SerializeToString(),
    ]
    for file in files:
        with pytest.raises(ExternalDataError):
            refuse_external_data(file)


def test_the_scan_passes_real_models() -> None:
    for model in (digits(), magika()):
        refuse_external_data(model.onnx_bytes)


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_the_scan_is_total(data: bytes) -> None:
    try:
        refuse_external_data(data)
    except (ExternalDataError, ModelCorruptError):
        return


def test_an_item_without_a_first_dimension_is_not_told_that_it_is_many() -> None:
    with pytest.raises(SignatureError, match=r"expected float32 \['n', 64\], got float32 \[64\]"):
        check_arrays([X.model_copy(update={"shape": (64,)})], {X.name: np.zeros(64, np.float32)})


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"inputs": (X.model_copy(update={"name": "z"}),)}, "inputs that its card lacks"),
        ({"inputs": (X, X.model_copy(update={"name": "z"}))}, "the model has no input z"),
        ({"inputs": (X.model_copy(update={"shape": (3,)}),)}, r"\['n', 3\], the model"),
        ({"inputs": (X.model_copy(update={"shape": (2, 1)}),)}, "input x: the card says"),
        ({"inputs": (X.model_copy(update={"engine": "int32"}),)}, "the model float32"),
        ({"outputs": (Y.model_copy(update={"name": "z"}),)}, "the model has no output z"),
        ({"outputs": (Y.model_copy(update={"engine": "int64"}),)}, "output y: the card says int64"),
    ],
)
def test_a_model_that_is_not_what_its_card_says(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(SignatureError, match=problem):
        ENGINE.load(spec_of(add_one(), **changes), add_one())


def test_a_fixed_batch_other_than_one_is_refused() -> None:
    assert not ENGINE.load(spec_of(add_one(1)), add_one(1)).signature.any_batch
    with pytest.raises(SignatureError):
        ENGINE.load(spec_of(add_one(4)), add_one(4))


def test_outputs_that_break_their_declaration() -> None:
    """The graph declares (n, 2) and computes (2n, 2)."""
    twice = helper.make_node("Concat", ["x", "x"], ["y"], axis=0)
    model = graph_bytes([twice], [FLOATS], [RESULT])
    session = ENGINE.load(spec_of(model), model)
    with pytest.raises(SignatureError, match="another number of answers than 3"):
        session.run({"x": np.zeros((3, 2), np.float32)})


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"x": np.zeros((1, 3), np.float32)},
        {"x": np.zeros((1, 2), np.float64)},
        {"x": np.zeros((1, 2), np.float32), "z": np.zeros(1)},
    ],
)
def test_wrong_arrays(inputs: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]) -> None:
    session = ENGINE.load(spec_of(add_one()), add_one())
    with pytest.raises(SignatureError):
        session.run(inputs)


def test_an_input_that_the_runtime_refuses() -> None:
    session = ENGINE.load(spec_of(look_up(), **LOOK_UP), look_up())
    with pytest.raises(RunFailedError) as caught:
        session.run({"index": np.array([7], np.int32)})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_provider_that_is_not_there_is_refused_and_auto_uses_the_cpu(provider: str) -> None:
    """onnxruntime-gpu names CUDA on machines without it; only a session's own word counts."""
    try:
        engine = EmbeddedEngine(provider)  # type: ignore[arg-type]
    except ProviderUnavailableError:
        if provider == "cuda":
            assert EmbeddedEngine("auto").provider == "cpu"
        return
    assert engine.canary_providers()[0] != "CPUExecutionProvider"


def test_canary_is_the_model_it_claims_to_be() -> None:
    shape = ["n", 1]
    built = helper.make_model(
        helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["y"])],
            "canary",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
            [numpy_helper.from_array(np.ones((1, 1), np.float32), "w")],
        ),
        opset_imports=[helper.make_opsetid("", 13)],
    )
    built.ir_version = 8
    assert built.SerializeToString(deterministic=True) == CANARY
    assert ENGINE.canary_providers() == ("CPUExecutionProvider",)


def in_process_with(folder: Path, code: str) -> str:
    """Output or last error line of ``code`` where ``folder`` comes first on the path."""
    setup = f"import sys; sys.path.insert(0, {str(folder)!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", setup + code], capture_output=True, text=True, cwd=ROOT
    )
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def test_two_installed_runtimes_fail_fast(tmp_path: Path) -> None:
    info = tmp_path / "onnxruntime_gpu-1.31.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: onnxruntime-gpu\nVersion: 1.31.1\n"
    )
    (info / "top_level.txt").write_text("onnxruntime\n")
    load = "from offchain_workers.engines.embedded import EmbeddedEngine; EmbeddedEngine()"
    assert "MN-ENGINE-002: onnxruntime and onnxruntime-gpu are" in in_process_with(tmp_path, load)


def test_no_runtime_at_all(tmp_path: Path) -> None:
    (tmp_path / "onnxruntime.py").write_text("raise ImportError('no such thing')\n")
    load = "from offchain_workers.engines.embedded import EmbeddedEngine; EmbeddedEngine()"
    assert "MN-ENGINE-001: onnxruntime does not load" in in_process_with(tmp_path, load)


def test_engines_import_without_a_runtime() -> None:
    code = "import offchain_workers.engines, sys; print('onnxruntime' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "False"


def test_reports_the_runtimes_version() -> None:
    assert ENGINE.runtime_version == onnxruntime.__version__


def test_scalar_items() -> None:
    session = ENGINE.load(spec_of(look_up(), **LOOK_UP), look_up())
    assert session.run({"index": np.array([2, 0], np.int32)})["y"].tolist() == [30, 10]


def test_more_outputs_than_the_card_names_are_left_out() -> None:
    node = [helper.make_node("Add", ["x", "x"], ["y"]), helper.make_node("Neg", ["x"], ["z"])]
    extra = helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 2])
    model = graph_bytes(node, [FLOATS], [RESULT, extra])
    session = ENGINE.load(spec_of(model), model)
    assert list(session.run({"x": np.ones((1, 2), np.float32)})) == ["y"]


def test_card_type_names_are_the_runtimes() -> None:
    spec = TensorSpec(name="x", wire="f64", engine="float64", shape=(2,))
    wide = helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["n", 2])
    cast = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)
    model = graph_bytes([cast], [wide], [RESULT])
    session = ENGINE.load(spec_of(model, inputs=(spec,)), model)
    assert session.signature.inputs[0].dtype == "float64"
