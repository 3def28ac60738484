# SPDX-License-Identifier: Apache-2.0
"""The client engine: the same port as the embedded one, the models on other machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from offchain_workers.engines.base import Signature, TensorPort, check_arrays
from offchain_workers.engines.errors import EngineClosedError
from offchain_workers.engines.oip.answer import message, read_answer
from offchain_workers.engines.oip.check import check_model
from offchain_workers.engines.oip.endpoint import Endpoint, Facts, Limits
from offchain_workers.engines.oip.errors import EndpointError
from offchain_workers.engines.oip.fleet import Fleet
from offchain_workers.models import ModelCard, ModelSpec, TensorSpec
from offchain_workers.models.wire import Array

# A number of an answer in JSON, and all else that a server may add to it.
_NUMBER_BYTES, _FRAME_BYTES = 64, 1 << 20


class OipEngine:
    """Runs models on the servers at ``urls``.

    ``names``: what servers call a model, by its card's name, where that differs. ``binary``: send
    tensors as bytes to servers that say they take them. ``check``: compare a server's answers with
    the ONNX file's when a model is loaded, where onnxruntime is installed. Raises NoEndpointError.
    """

    provider = "oip"

    def __init__(
        self,
        urls: Sequence[str],
        names: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        token: str | None = None,
        binary: bool = True,
        check: bool = True,
    ) -> None:
        self.fleet = Fleet([Endpoint(url, limits, token) for url in urls])
        self._names = dict(names or {})
        self._binary = binary
        self._check = check

    @property
    def runtime_version(self) -> str:
        """The servers' names and versions, as far as they were asked."""
        return ", ".join(self.fleet.versions())

    @property
    def runtime(self) -> str:
        """What runs the models, with its version."""
        return f"oip {self.runtime_version}"

    def canary_providers(self) -> tuple[str, ...]:
        """The servers' kinds, none while all are away: what is behind them they do not say."""
        with suppress(EndpointError):
            self.fleet.each(lambda endpoint: None)
        return self.fleet.versions()

    def load(self, model: ModelSpec, onnx_bytes: bytes) -> OipSession:
        """A session of ``model``, which a server must have ready. Raises EngineError.

        The servers hold the model already: ``onnx_bytes`` only serve to check them.
        """
        card = model.card
        name = self._names.get(card.name, card.name)
        session = OipSession(self.fleet, card, name, self._any_batch(card, name), self._binary)
        if self._check:
            check_model(model, onnx_bytes, session)
        return session

    def close(self) -> None:
        """Let go of the servers."""
        self.fleet.close()

    def _any_batch(self, card: ModelCard, name: str) -> bool:
        def ask(endpoint: Endpoint) -> bool:
            endpoint.check_ready(name)
            return takes_any_batch(card, endpoint.metadata(name))

        return all(self.fleet.each(ask))


class OipSession:
    """A model on servers; see engines.base.Session."""

    def __init__(
        self, fleet: Fleet, card: ModelCard, name: str, any_batch: bool, binary: bool
    ) -> None:
        self._fleet: Fleet | None = fleet
        self._card = card
        self._name = name
        self._binary = binary
        batch = None if any_batch else 1
        self._signature = Signature(_ports(card.inputs, batch), _ports(card.outputs, batch))
        self._providers = fleet.versions()

    @property
    def signature(self) -> Signature:
        """The card's, with the number of items that the servers take."""
        return self._signature

    @property
    def providers(self) -> tuple[str, ...]:
        """The servers' names and versions."""
        return self._providers

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Arrays (n, *shape), checked against the card before they are sent and when they return.

        Raises SignatureError, EndpointRefusedError, EndpointError.
        """
        if self._fleet is None:
            raise EngineClosedError("the session is closed")
        n = check_arrays(self._card.inputs, inputs)
        numbers = sum(spec.elements for spec in self._card.outputs)
        max_answer = n * numbers * _NUMBER_BYTES + _FRAME_BYTES

        def ask(endpoint: Endpoint, facts: Facts) -> dict[str, Array]:
            data, json_length = message(inputs, self._binary and facts.binary)
            answer = endpoint.infer(self._name, data, json_length, max_answer)
            return read_answer(self._card.outputs, n, answer.data, answer.json_length)

        return self._fleet.call(ask)

    def close(self) -> None:
        """Later runs raise EngineClosedError; the servers keep the model."""
        self._fleet = None


def takes_any_batch(card: ModelCard, metadata: Mapping[str, Any]) -> bool:
    """Unless the metadata says clearly that the first dimension is the one item.

    Metadata may be empty, or written by hand: nothing else is taken from it.
    """
    ports = metadata.get("inputs")
    by_name = {spec.name: spec for spec in card.inputs}
    for port in ports if isinstance(ports, list) else ():
        spec = by_name.get(port.get("name", "")) if isinstance(port, dict) else None
        shape = port.get("shape") if spec is not None else None
        if spec is not None and shape == [1, *spec.shape]:
            return False
    return True


def _ports(specs: Sequence[TensorSpec], batch: int | None) -> tuple[TensorPort, ...]:
    return tuple(TensorPort(spec.name, spec.engine, (batch, *spec.shape)) for spec in specs)
