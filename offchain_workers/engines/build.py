# SPDX-License-Identifier: Apache-2.0
"""The engine that the configuration asks for."""

from __future__ import annotations

from pathlib import Path

from offchain_workers.config import engine as section
from offchain_workers.engines.base import Engine
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.engines.oip import Limits, OipEngine
from offchain_workers.errors import FusionError

_MAX_TOKEN = 16_384


def build_engine(settings: section.Engine) -> Engine:
    """Asks no server yet. Raises EngineError, MN-CFG-010 for a token that can't be read."""
    if settings.kind == "oip":
        return _oip(settings.oip)
    if settings.kind == "ray":
        return _ray(settings)
    return EmbeddedEngine(
        settings.provider,
        settings.threads,
        settings.max_onnx_bytes,
        strict=not settings.cpu_fallback,
        cuda_graphs=settings.cuda_graphs,
    )


def _oip(oip: section.Oip) -> OipEngine:
    return OipEngine(
        oip.urls,
        dict(pair.split("=", 1) for pair in oip.names),
        Limits(oip.connect_seconds, oip.answer_seconds),
        _token(oip.token_file) if oip.token_file else None,
        oip.binary,
        oip.check,
    )


def _ray(settings: section.Engine) -> Engine:
    from offchain_workers.serving.ray import RayEngine, Replicas

    ray = settings.ray
    return RayEngine(
        ray.address,
        ray.port,
        Replicas(ray.replicas, ray.max_replicas, ray.cpus_per_replica, ray.gpus_per_replica),
        settings.provider,
        max(1, settings.threads),
        Limits(settings.oip.connect_seconds, settings.oip.answer_seconds),
    )


def _token(path: Path) -> str:
    try:
        with path.open(encoding="ascii") as file:
            token = file.read(_MAX_TOKEN).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise FusionError("MN-CFG-010", f"engine.oip.token_file: {error}") from None
    if not token or any(char.isspace() or not char.isprintable() for char in token):
        raise FusionError("MN-CFG-010", f"engine.oip.token_file: {path} holds no token")
    return token
