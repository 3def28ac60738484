# SPDX-License-Identifier: Apache-2.0
"""Ray Serve on a cluster of two nodes on this machine: `make test-ray`, in Ray's environment."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

ray = pytest.importorskip("ray", reason="Ray is not in this environment: see `make test-ray`")

from offchain_workers.devnet import start_devnet  # noqa: E402
from offchain_workers.devnet.process import free_port  # noqa: E402
from offchain_workers.engines.embedded import EmbeddedEngine  # noqa: E402
from offchain_workers.models.demo import digits  # noqa: E402
from offchain_workers.models.wire import unpack_items  # noqa: E402
from offchain_workers.serving.ray import RayEngine, Replicas  # noqa: E402
from tests.operator.test_worker import label  # noqa: E402
from tests.operator.world import build, inline, until  # noqa: E402

pytestmark = pytest.mark.slow
DIGITS = digits()
ROOT = Path(__file__).parents[2]
JOBS = 24
PATIENCE = 240.0
_OBJECTS = {"object_store_memory": 100 << 20}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """One CPU on each of two nodes: one replica fits on each."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
    nodes = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "include_dashboard": False, **_OBJECTS},
    )
    yield nodes
    ray.shutdown()
    nodes.shutdown()


def replicas_at() -> dict[str, str]:
    """Replica actor -> node, of those that live."""
    from ray._private.state import actors

    return {
        name: actor["Address"]["NodeID"]
        for name, actor in actors().items()
        if actor["State"] == "ALIVE" and "ServeReplica" in actor["ActorClassName"]
    }


def test_a_replica_gives_the_bits_of_this_process(cluster: Any) -> None:
    engine = RayEngine(cluster.address, free_port(None), Replicas(cpus=0.5), "cpu")
    inputs = unpack_items(DIGITS.card.inputs, b"".join(raw for _, raw, _ in DIGITS.samples[:5]), 5)
    expected = EmbeddedEngine().load(DIGITS.spec, DIGITS.onnx_bytes).run(inputs)
    session = engine.load(DIGITS.spec, DIGITS.onnx_bytes)
    assert session.run(inputs)["logits"].tobytes() == expected["logits"].tobytes()
    assert engine.runtime == f"ray {ray.__version__}"
    engine.close()


def test_a_node_is_killed_under_load_and_no_job_is_lost(cluster: Any, tmp_path: Path) -> None:
    second = cluster.add_node(num_cpus=1, **_OBJECTS)
    cluster.wait_for_nodes()
    settings = {
        "kind": "ray",
        "provider": "cpu",
        "ray": {"address": cluster.address, "replicas": 2, "port": free_port(None)},
    }
    with start_devnet("embedded") as chain:
        market = replace(build(chain, tmp_path), engine=settings)
        with market.worker(market.operators[0], max_in_flight=4):
            assert len(set(replicas_at().values())) == 2
            items = [(raw, kind) for _, raw, kind in DIGITS.samples * 3][:JOBS]
            jobs = [market.post(market.terms([raw]), inline(raw)) for raw, _ in items[: JOBS // 2]]
            until(lambda: any(market.paid(job) for job in jobs), PATIENCE)
            cluster.remove_node(second, allow_graceful=False)
            jobs += [market.post(market.terms([raw]), inline(raw)) for raw, _ in items[JOBS // 2 :]]
            until(lambda: all(market.paid(job) for job in jobs), PATIENCE)
        for job, (_, kind) in zip(jobs, items, strict=True):
            assert label(market.delivered(job)[0]["output"]) == kind
