# SPDX-License-Identifier: Apache-2.0
"""The client engine against our own server, and against every quirk seen on others'."""

from __future__ import annotations

import json
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from offchain_workers.balancing import Outcome
from offchain_workers.engines import EngineError, Session
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.engines.errors import EngineClosedError, RunFailedError, SignatureError
from offchain_workers.engines.hardware import inspect
from offchain_workers.engines.oip import (
    AnswerInvalidError,
    EndpointRefusedError,
    EndpointUnavailableError,
    EndpointUnreachableError,
    Limits,
    ModelNotServedError,
    NoEndpointError,
    OipEngine,
)
from offchain_workers.engines.oip.fleet import outcome_of
from offchain_workers.models import TensorSpec
from offchain_workers.models.demo import digits
from offchain_workers.models.wire import unpack_items
from offchain_workers.oip import JSON_LENGTH, join, split, tensor_entry
from tests.engines.onnx_files import add_one, spec_of
from tests.engines.quirky import Asked, Quirky, Told, quirky, tell
from tests.serving.world import served, serving

DIGITS = digits()
TOY = spec_of(add_one())
QUICK = Limits(connect_seconds=1, answer_seconds=0.5)


def output(data: Any, shape: Any, datatype: str = "FP32", name: str = "y") -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def plus_one(asked: Asked) -> list[float]:
    [entry] = json.loads(asked.body)["inputs"]
    return [value + 1 for value in entry["data"]]


def honest(asked: Asked) -> Told:
    """A plain server that speaks JSON alone."""
    if not asked.path.endswith("/infer"):
        return tell({"name": "plain", "version": "9", "extensions": []})
    rows = plus_one(asked)
    return tell({"outputs": [output(rows, [len(rows) // 2, 2])]})


def infer(answer: Callable[[Asked], Told]) -> Callable[[Asked], Told]:
    """As ``honest``, but for inference."""
    return lambda asked: answer(asked) if asked.path.endswith("/infer") else honest(asked)


def load(server: Quirky, **options: Any) -> Session:
    options = {"check": False, "limits": QUICK} | options
    return OipEngine([server.url], **options).load(TOY, add_one())


def rows(*values: float) -> dict[str, np.ndarray[Any, Any]]:
    return {"x": np.array(values, np.float32).reshape(-1, 2)}


def ask(server: Quirky, **options: Any) -> list[float]:
    return [float(v) for v in load(server, **options).run(rows(1, 2))["y"].ravel()]


def failure(answer: Callable[[Asked], Told], kind: type[EngineError]) -> EngineError:
    with quirky(infer(answer)) as server:
        session = load(server)
        with pytest.raises(kind) as caught:
            session.run(rows(1, 2))
        assert "\n" not in caught.value.message
        return caught.value


# --- our own server -------------------------------------------------------------------------------


@pytest.mark.parametrize("binary", [True, False])
def test_the_same_bits_as_in_this_process(binary: bool) -> None:
    inputs = unpack_items(DIGITS.card.inputs, b"".join(raw for _, raw, _ in DIGITS.samples[:9]), 9)
    expected = EmbeddedEngine().load(DIGITS.spec, DIGITS.onnx_bytes).run(inputs)
    with serving([served(DIGITS)]) as url:
        engine = OipEngine([url], binary=binary)
        session = engine.load(DIGITS.spec, DIGITS.onnx_bytes)
        found = session.run(inputs)
        assert found["logits"].tobytes() == expected["logits"].tobytes()
        assert session.providers == ("model-network 1",)
        assert session.signature.any_batch
        assert (engine.provider, engine.runtime) == ("oip", "oip model-network 1")
        hardware = inspect(engine)
        assert (hardware.providers, hardware.gpus) == (("model-network 1",), ())
        session.close()
        with pytest.raises(EngineClosedError):
            session.run(inputs)
        engine.close()


def test_input_is_checked_against_the_card_before_anything_is_sent() -> None:
    with quirky(honest) as server:
        session = load(server)
        with pytest.raises(SignatureError):
            session.run({"x": np.zeros((1, 3), np.float32)})
        assert server.inferences() == []


def test_another_model_behind_the_url_is_found_out() -> None:
    wrong = infer(lambda asked: tell({"outputs": [output([v + 1 for v in plus_one(asked)],
                                                         [1, 2])]}))  # fmt: skip
    with quirky(wrong) as server, pytest.raises(AnswerInvalidError, match="ONNX file"):
        load(server, check=True)
    with quirky(honest) as server:
        load(server, check=True)


def test_without_a_server_there_is_no_engine() -> None:
    with pytest.raises(NoEndpointError):
        OipEngine([])


# --- quirks: how servers answer what is good ------------------------------------------------------


def test_json_is_the_baseline_and_says_nothing_but_the_tensors() -> None:
    """KServe answers 400 to JSON with tritonclient's parameters, MLServer 422 to binary."""
    with quirky(honest) as server:
        assert ask(server) == [2, 3]
        [asked] = server.inferences()
        assert json.loads(asked.body).keys() == {"inputs"}
        assert json.loads(asked.body)["inputs"][0].keys() == {"name", "datatype", "shape", "data"}
        assert JSON_LENGTH not in asked.headers


def binary_server(asked: Asked) -> Told:
    if not asked.path.endswith("/infer"):
        return tell({"name": "triton", "version": "2", "extensions": ["binary_tensor_data"]})
    body = split(asked.body, asked.headers[JSON_LENGTH])
    assert body.tree["parameters"] == {"binary_data_output": True}
    entry, tail = tensor_entry("y", np.frombuffer(body.tail, "<f4").reshape(1, 2) + 1, True)
    data, length = join({"outputs": [entry]}, [tail or b""])
    return Told(200, data, {JSON_LENGTH: str(length)})


def test_binary_is_used_where_the_server_lists_it() -> None:
    with quirky(binary_server) as server:
        assert ask(server) == [2, 3]


def test_a_server_without_metadata_or_a_root_document_is_used_all_the_same() -> None:
    """MLServer and KServe leave inputs empty, clouds serve nothing but the model."""

    def bare(asked: Asked) -> Told:
        if asked.path == "/v2":
            return tell({"detail": "Not Found"}, 404)
        if asked.path == "/v2/models/toy":
            return tell({"name": "toy", "inputs": [], "outputs": []})
        return honest(asked)

    with quirky(bare) as server:
        assert ask(server) == [2, 3]
        assert load(server).providers == ("unnamed",)


def test_an_index_that_is_missing_or_forbidden_is_never_asked_for() -> None:
    """KServe has none (404), Triton forbids it (403)."""
    with quirky(honest) as server:
        ask(server)
        assert {one.path for one in server.asked} <= {
            "/v2", "/v2/models/toy/ready", "/v2/models/toy", "/v2/models/toy/infer",
        }  # fmt: skip


@pytest.mark.parametrize("shape", [[1, 2, 1], [2, 1], [2], [1, 1, 2]])
def test_dimensions_of_one_come_and_go(shape: list[int]) -> None:
    """MLServer answers [32] as [32, 1]."""
    with quirky(infer(lambda asked: tell({"outputs": [output([2, 3], shape)]}))) as server:
        assert load(server).run(rows(1, 2))["y"].shape == (1, 2)


def test_a_transposed_answer_is_not_reshaped_into_a_wrong_one() -> None:
    answer = infer(lambda asked: tell({"outputs": [output([0] * 6, [2, 3])]}))
    with quirky(answer) as server, pytest.raises(AnswerInvalidError, match="shape"):
        load(server).run(rows(1, 2, 3, 4, 5, 6))


def test_a_wider_type_is_taken_where_nothing_is_lost() -> None:
    with quirky(infer(lambda a: tell({"outputs": [output([2, 3], [1, 2], "FP64")]}))) as server:
        assert load(server).run(rows(1, 2))["y"].dtype == np.float32
    error = failure(lambda a: tell({"outputs": [output([0.1, 3], [1, 2], "FP64")]}),
                    AnswerInvalidError)  # fmt: skip
    assert "can't hold" in error.message


def test_outputs_that_the_card_does_not_name_are_passed_over() -> None:
    text = output(["a"], [1], "BYTES", "explanation")
    with quirky(infer(lambda a: tell({"outputs": [text, output([2, 3], [1, 2])]}))) as server:
        assert ask(server) == [2, 3]


def test_metadata_that_fixes_the_batch_is_believed() -> None:
    def fixed(asked: Asked) -> Told:
        if asked.path == "/v2/models/toy":
            return tell({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2]}]})
        return honest(asked)

    with quirky(fixed) as server:
        assert not load(server).signature.any_batch
    with quirky(honest) as server:
        assert load(server).signature.any_batch


def test_a_model_that_has_another_name_there() -> None:
    with quirky(honest) as server:
        load(server, names={"toy": "model-7"}).run(rows(1, 2))
        assert server.inferences()[0].path == "/v2/models/model-7/infer"


def test_a_path_in_the_url_and_a_token() -> None:
    with quirky(honest) as server:
        engine = OipEngine([server.url + "/api/"], token="secret", check=False)
        engine.load(TOY, add_one()).run(rows(1, 2))
        assert server.inferences()[0].path == "/api/v2/models/toy/infer"
        assert server.inferences()[0].headers["authorization"] == "Bearer secret"


# --- quirks: how servers answer what is bad -------------------------------------------------------


@pytest.mark.parametrize(
    "told",
    [
        Told(500, b"could not broadcast input array\nfrom shape", {"content-type": "text/plain"}),
        tell({"error": "ValueError: bad shape"}, 500),
        tell({"detail": [{"msg": "field required"}]}, 422),
        tell({"error": "Unrecognized request"}, 400),
        Told(500, b"\xff\xfe\x00<html>"),
    ],
)
def test_a_refusal_of_good_input_blames_no_server(told: Told) -> None:
    """MLServer: 500 text/plain; KServe and Triton: 500 JSON; malformed: 422 and 500."""
    error = failure(lambda asked: told, EndpointRefusedError)
    assert isinstance(error, RunFailedError)
    assert outcome_of(error) is Outcome.BAD_INPUT


def test_after_a_refusal_that_resets_the_connection_the_next_request_gets_through() -> None:
    """MLServer and KServe answer 500, then reset."""
    refusals = iter([Told(500, b"bad shape", reset=True)])
    with quirky(infer(lambda asked: next(refusals, None) or honest(asked))) as server:
        session = load(server)
        with pytest.raises(EndpointRefusedError):
            session.run(rows(1, 2))
        assert session.run(rows(1, 2))["y"].tolist() == [[2, 3]]


def test_a_reset_is_tried_again_once_on_the_same_server() -> None:
    resets = iter([Told(0, reset=True)])
    with quirky(infer(lambda asked: next(resets, None) or honest(asked))) as server:
        assert ask(server) == [2, 3]
        assert len(server.inferences()) == 2
    error = failure(lambda asked: Told(0, reset=True), EndpointUnreachableError)
    assert outcome_of(error) is Outcome.RESET


def test_a_server_that_hangs_is_a_timeout_and_not_tried_again() -> None:
    over = threading.Event()

    def hang(asked: Asked) -> Told:
        over.wait(60)
        return Told()

    with quirky(infer(hang)) as server:
        session = load(server)
        with pytest.raises(EndpointUnreachableError) as caught:
            session.run(rows(1, 2))
        over.set()
        assert outcome_of(caught.value) is Outcome.TIMEOUT
        assert len(server.inferences()) == 1


def test_a_server_that_drips_is_a_timeout() -> None:
    """A byte now and then is no answer: it must not hold a thread of the worker for ever."""
    with quirky(infer(lambda asked: Told(200, b" " * 400, drip=0.05))) as server:
        session, begun = load(server), time.monotonic()
        with pytest.raises(EndpointUnreachableError) as caught:
            session.run(rows(1, 2))
        assert time.monotonic() - begun < 10
        assert outcome_of(caught.value) is Outcome.TIMEOUT


def test_a_compressed_answer_is_not_unpacked() -> None:
    """64 KiB could hold gigabytes; we asked for none."""
    bomb = zlib.compress(b" " * (64 << 20), wbits=31)
    with quirky(infer(lambda asked: Told(200, bomb, {"content-encoding": "gzip"}))) as server:
        session = load(server)
        tracemalloc.start()
        with pytest.raises(AnswerInvalidError):
            session.run(rows(1, 2))
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
        tracemalloc.stop()
        assert server.asked[-1].headers["accept-encoding"] == "identity"


def test_a_server_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    engine = OipEngine([url], check=False)
    with pytest.raises(EndpointUnreachableError) as caught:
        engine.load(TOY, add_one())
    assert outcome_of(caught.value) is Outcome.CONNECT
    assert engine.canary_providers() == ()


@pytest.mark.parametrize("status", [429, 503, 401, 403])
def test_a_server_that_cannot_or_will_not_serve_us(status: int) -> None:
    error = failure(lambda asked: tell({"error": "not now"}, status), EndpointUnavailableError)
    assert outcome_of(error) is Outcome.UNAVAILABLE


@pytest.mark.parametrize(("status", "outcome"), [(502, Outcome.RESET), (504, Outcome.TIMEOUT)])
def test_a_proxy_before_a_server_that_hung_up(status: int, outcome: Outcome) -> None:
    assert outcome_of(failure(lambda a: Told(status), EndpointUnreachableError)) is outcome


@pytest.mark.parametrize("status", [404, 400, 500])
def test_a_model_that_is_not_ready_there(status: int) -> None:
    def lacking(asked: Asked) -> Told:
        if asked.path.endswith("/ready"):
            return tell({"error": "Model toy not found"}, status)
        return honest(asked)

    with quirky(lacking) as server, pytest.raises(ModelNotServedError):
        load(server)


def test_a_model_that_was_unloaded_meanwhile() -> None:
    failure(lambda asked: tell({"error": "Model toy not found"}, 404), ModelNotServedError)


@pytest.mark.parametrize(
    "told",
    [
        Told(200, b"not json"),
        Told(200, b"[]"),
        tell({}),
        tell({"outputs": []}),
        tell({"outputs": [output([2, 3], [1, 2], name="z")]}),
        tell({"outputs": [output([2], [1, 2])]}),
        tell({"outputs": [output([2, 3], [1, 2], "BOOL")]}),
        tell({"outputs": [output([None, 3], [1, 2])]}),
        Told(
            200, b'{"outputs": [{"name": "y", "datatype": "FP32", "shape": [2], "data": [NaN, 1]}]}'
        ),
        Told(200, b"{}" + b" " * (3 << 20)),
        Told(200, b"xx", {"content-encoding": "gzip"}),
        Told(302, b"", {"location": "http://127.0.0.1:1/"}),
    ],
)
def test_answers_that_are_not_what_the_card_says(told: Told) -> None:
    with quirky(infer(lambda asked: told)) as server:
        session = load(server)
        with pytest.raises((AnswerInvalidError, EndpointRefusedError)) as caught:
            session.run(rows(1, 2))
        assert outcome_of(caught.value) in (Outcome.RESET, Outcome.BAD_INPUT)


def test_numbers_that_json_cannot_say_are_refused_unless_the_server_takes_bytes() -> None:
    nan = {"x": np.array([[np.nan, 1]], np.float32)}
    with quirky(honest) as server, pytest.raises(EndpointRefusedError, match="NaN"):
        load(server).run(nan)
    with quirky(binary_server) as server:
        assert np.isnan(load(server).run(nan)["y"][0, 0])


# --- several servers ------------------------------------------------------------------------------


def test_a_server_that_refuses_everything_is_not_taken_at_its_word() -> None:
    """Its quick 500s would make it the one that is always free."""
    with quirky(honest) as good, quirky(honest) as broken:
        engine = OipEngine([broken.url, good.url], limits=QUICK, check=False)
        session = engine.load(TOY, add_one())
        broken.handler = infer(lambda asked: tell({"error": "out of memory"}, 500))
        answers = [session.run(rows(1, 2))["y"].tolist() for _ in range(20)]
        assert answers == [[[2, 3]]] * 20
        assert len(broken.inferences()) <= 2
        engine.close()


def test_another_server_answers_when_one_is_gone() -> None:
    with quirky(honest) as good, quirky(honest) as gone:
        engine = OipEngine([gone.url, good.url], limits=QUICK, check=False)
        session = engine.load(TOY, add_one())
        gone.handler = infer(lambda asked: tell({"error": "going down"}, 503))
        answers = [session.run(rows(1, 2))["y"].tolist() for _ in range(20)]
        assert answers == [[[2, 3]]] * 20
        assert len(gone.inferences()) < 5
        engine.close()


def test_one_server_down_at_the_start_is_left_out() -> None:
    with quirky(honest) as good:
        engine = OipEngine(["http://127.0.0.1:9", good.url], limits=QUICK, check=False)
        session = engine.load(TOY, add_one())
        assert session.run(rows(1, 2))["y"].tolist() == [[2, 3]]
        engine.close()


def test_no_input_of_a_user_ejects_a_server() -> None:
    with quirky(honest) as first, quirky(honest) as second:
        engine = OipEngine([first.url, second.url], limits=QUICK, check=False)
        session = engine.load(TOY, add_one())
        poison = infer(lambda asked: Told(500, b"poison", reset=True))
        first.handler = second.handler = poison
        for _ in range(20):
            with pytest.raises(EndpointRefusedError):
                session.run(rows(6, 6))
        assert not any(view.is_ejected for view in engine.fleet.balancer.view())
        first.handler = second.handler = honest
        assert session.run(rows(1, 2))["y"].tolist() == [[2, 3]]
        engine.close()


def test_a_card_whose_shape_is_empty() -> None:
    """One number for each item, as the answer of a classifier."""
    scalar = TensorSpec(name="y", wire="f32", engine="float32", shape=())
    with quirky(infer(lambda a: tell({"outputs": [output([1, 2, 3], [3, 1])]}))) as server:
        engine = OipEngine([server.url], limits=QUICK, check=False)
        session = engine.load(spec_of(add_one(), outputs=(scalar,)), b"")
        assert session.run(rows(1, 2, 3, 4, 5, 6))["y"].tolist() == [1, 2, 3]
