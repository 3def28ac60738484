# SPDX-License-Identifier: Apache-2.0
"""The same application on Ray Serve: several replicas, on the machines of a cluster.

Each model is an application of its own below ``/NAME-DIGITS``, and is asked like any other server.
Needs the extra ``ray``, in an environment without ape.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from offchain_workers.engines.embedded import Choice, EmbeddedEngine
from offchain_workers.engines.errors import RuntimeMissingError
from offchain_workers.engines.oip import EndpointError, Limits, OipEngine, OipSession
from offchain_workers.models import ModelSpec
from offchain_workers.serving.app import OipApp, oip_app
from offchain_workers.serving.errors import ClusterError
from offchain_workers.serving.model import ServedModel

_HOST = "127.0.0.1"
_OBJECT_STORE = 100 << 20
_DRAIN_SECONDS = 10.0
# A node that stops answering must not keep its replicas for long.
_HEALTH = {"health_check_period_s": 2.0, "health_check_timeout_s": 10.0}


@dataclass(frozen=True)
class Replicas:
    """How many of each model, up to ``most`` under load, and what each takes (GPUs in parts)."""

    count: int = 1
    most: int = 1
    cpus: float = 1.0
    gpus: float = 0.0

    def options(self) -> dict[str, Any]:
        """As a deployment takes them."""
        actor = {"num_cpus": self.cpus, "num_gpus": self.gpus}
        if self.most <= self.count:
            return {"num_replicas": self.count, "ray_actor_options": actor}
        scaling = {"min_replicas": self.count, "max_replicas": self.most}
        return {"autoscaling_config": scaling, "ray_actor_options": actor}


class RayEngine:
    """Deploys models to Ray Serve and runs them there; see engines.base.Engine.

    ``address``: that of a running cluster, as ``ray.init`` takes it; None starts Ray here.
    ``provider`` is what each replica runs the model on. Raises RuntimeMissingError, ClusterError.
    """

    provider = "oip"

    def __init__(
        self,
        address: str | None = None,
        port: int = 8705,
        replicas: Replicas | None = None,
        provider: Choice = "auto",
        threads: int = 1,
        limits: Limits | None = None,
    ) -> None:
        self._ray, self._serve = modules()
        self._replicas = replicas or Replicas()
        self._choice: Choice = provider
        self._threads = threads
        self._limits = limits
        self._url = f"http://{_HOST}:{port}"
        self._engines: list[OipEngine] = []
        self._start(address, port)

    @property
    def runtime(self) -> str:
        """What runs the models, with its version."""
        return f"ray {self._ray.__version__}"

    def canary_providers(self) -> tuple[str, ...]:
        """Ray Serve; what its replicas found they do not say."""
        return (self.runtime,)

    def url(self, model: ModelSpec) -> str:
        """Where ``model`` is served once it is loaded."""
        return f"{self._url}/{_name(model)}"

    def load(self, model: ModelSpec, onnx_bytes: bytes) -> OipSession:
        """Deploy ``model``, wait until replicas have it, and open a session on them.

        Raises ClusterError, EngineError.
        """
        name = _name(model)
        self._deploy(name, model, onnx_bytes)
        engine = OipEngine([self.url(model)], limits=self._limits)
        self._engines.append(engine)
        try:
            return engine.load(model, onnx_bytes)
        except EndpointError as error:
            raise ClusterError(f"{name} was deployed but can't be used: {error.message}") from error

    def close(self) -> None:
        """Take the applications down, and leave the cluster (ending one that was started here)."""
        for engine in self._engines:
            engine.close()
        self._serve.shutdown()
        self._ray.shutdown()

    def _start(self, address: str | None, port: int) -> None:
        where: dict[str, Any] = {"object_store_memory": _OBJECT_STORE}
        if address:
            where = {"address": address}
        try:
            self._ray.init(
                **where,
                ignore_reinit_error=True,
                include_dashboard=False,
                log_to_driver=False,
                configure_logging=False,
            )
            self._serve.start(proxy_location="HeadOnly", http_options={"host": _HOST, "port": port})
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ClusterError(f"Ray does not start: {error}") from error

    def _deploy(self, name: str, model: ModelSpec, onnx_bytes: bytes) -> None:
        build = builder(model, onnx_bytes, self._choice, self._threads)
        deployment = self._serve.deployment(
            name="oip",
            graceful_shutdown_timeout_s=_DRAIN_SECONDS,
            **_HEALTH,
            **self._replicas.options(),
        )(self._serve.ingress(build)())
        try:
            self._serve.run(deployment.bind(), name=name, route_prefix=f"/{name}")
        except (RuntimeError, self._ray.exceptions.RayError) as error:
            raise ClusterError(f"{name} does not come up: {error}") from error


def _name(model: ModelSpec) -> str:
    return f"{model.card.name}-{model.onnx_cid[2:12]}"


def builder(
    model: ModelSpec, onnx_bytes: bytes, provider: Choice, threads: int
) -> Callable[[], OipApp]:
    """A function that makes the application inside a replica."""

    def build() -> OipApp:
        engine = EmbeddedEngine(provider, threads, strict=True)
        return oip_app([ServedModel(model.card, engine.load(model, onnx_bytes))])

    return build


def modules() -> tuple[Any, Any]:
    """``ray`` and ``ray.serve``. Raises RuntimeMissingError."""
    try:
        import ray
        from ray import serve
    except ImportError as error:
        raise RuntimeMissingError(f"Ray does not load ({error}); install the extra ray") from error
    return ray, serve
