# SPDX-License-Identifier: Apache-2.0
"""The engine's table of the configuration."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from offchain_workers.config.fields import HomePath, Section, ServerNames, Urls


class Oip(Section):
    """Servers of the Open Inference Protocol, for kind "oip"; see docs/providers.md."""

    urls: Urls = Field(
        (),
        description="Base URLs of servers that hold the same models; the quickest is asked first.",
    )
    names: ServerNames = Field(
        (), description='What the servers call a model, as "card-name=server-name"; else alike.'
    )
    token_file: HomePath | None = Field(
        None,
        examples=["~/.fusion/oip-token"],
        description="File with the bearer token that the servers want.",
    )
    connect_seconds: float = Field(3.0, gt=0, description="Longest wait for a connection.")
    answer_seconds: float = Field(30.0, gt=0, description="Longest wait for an answer.")
    binary: bool = Field(
        True, description="Send tensors as bytes to servers that say they take them."
    )
    check: bool = Field(
        True,
        description="Compare a model's answers with its ONNX file when it is loaded, where "
        "onnxruntime is installed.",
    )


class Ray(Section):
    """Ray Serve, for kind "ray" (extra `ray`); see docs/providers.md."""

    address: str | None = Field(
        None,
        examples=["auto"],
        description="A running cluster, as `ray start` shows it. Unset: Ray is started here.",
    )
    port: int = Field(8705, ge=1, le=65_535, description="Where Ray Serve listens on this machine.")
    replicas: int = Field(1, ge=1, description="Replicas of each model.")
    max_replicas: int = Field(
        1, ge=1, description="Replicas of each model under load; more than `replicas` to scale."
    )
    cpus_per_replica: float = Field(1.0, gt=0, description="CPUs that a replica takes.")
    gpus_per_replica: float = Field(
        0.0, ge=0, description="GPUs that a replica takes; several share one by parts."
    )


class Engine(Section):
    """What runs the models."""

    kind: Literal["embedded", "oip", "ray"] = Field(
        "embedded",
        description="embedded: onnxruntime inside the worker. oip: other servers. ray: replicas on "
        "a Ray cluster.",
    )
    provider: Literal["auto", "cpu", "cuda", "tensorrt"] = Field(
        "auto", description="Where models run; auto takes the best that really works."
    )
    cpu_fallback: bool = Field(
        False,
        description="On a GPU, also take models of which some nodes run on the CPU (slow).",
    )
    cuda_graphs: bool = Field(
        False,
        description="On a GPU, record each model's launches once for each number of items. Only "
        "for models that run on the GPU whole; uses more of its memory.",
    )
    threads: int = Field(0, ge=0, description="CPU threads of one run; 0 leaves it to the engine.")
    max_batch: int = Field(64, ge=1, description="Most items to run together.")
    max_onnx_bytes: int = Field(
        2_147_483_648, gt=0, description="Refuse ONNX files larger than this, in bytes."
    )
    oip: Oip = Field(default_factory=Oip)
    ray: Ray = Field(default_factory=Ray)

    @model_validator(mode="after")
    def _servers(self) -> Self:
        if self.kind == "oip" and not self.oip.urls:
            raise ValueError('kind "oip" needs engine.oip.urls')
        return self
