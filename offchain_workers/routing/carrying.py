# SPDX-License-Identifier: Apache-2.0
"""What each verification method can carry, and how long it takes, by measured tables.

Figures of ``data/carried.json`` come from ``python -m benchmarks carried``. A method that an
installed package brings may add itself under the entry-point group ``model_network.carriers``, as a
`Carrier`; without one its models are carried when they have an artifact, and score no security.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from typing import Any

from offchain_workers.chain.contracts import Network
from offchain_workers.errors import FusionError
from offchain_workers.models import ModelCard
from offchain_workers.models.lowering import manifest
from offchain_workers.routing.market import Carriage
from offchain_workers.storage import StoreError

GROUP = "model_network.carriers"
_MAX_FACTS = 1 << 20
_OPML_MAX_OUTPUT = 16_384
_NO_ARTIFACT = bytes(32)

# A file of the model by content id, with the most bytes that it may have. Raises StoreError.
Read = Callable[[str, int], bytes]
# From the artifact in the model's record (None: it has none), its card and its files.
Carry = Callable[[bytes | None, ModelCard, Read], Carriage | None]
# Milliseconds from an answer to its verification, by artifact, of the artifacts that the method's
# contract got in these blocks: the first, the last.
Hold = Callable[[Network, int, int], Mapping[bytes, int]]


@dataclass(frozen=True)
class Carrier:
    """``security_bp``: how much the method's evidence is worth, unless a request says otherwise;
    ``private``: whether operators never see inputs; ``carry`` gives None without an artifact;
    ``hold``: of a method whose artifacts live in its contract, which adds a delay of its own."""

    security_bp: int
    private: bool
    carry: Carry
    hold: Hold | None = None


@cache
def table() -> dict[str, Any]:
    """The measured figures."""
    found: dict[str, Any] = json.loads(
        (files("offchain_workers.routing") / "data" / "carried.json").read_text()
    )
    return found


def carrier(method: str) -> Carrier:
    """Of a method by name: built in, installed, or what is assumed of one that nobody described."""
    if method in _CARRIERS:
        return _CARRIERS[method]
    for entry in entry_points(group=GROUP):
        if entry.name == method:
            found: Carrier = entry.load()
            return found
    return _UNKNOWN


def _none(artifact: bytes | None, card: ModelCard, read: Read) -> Carriage | None:
    return Carriage(artifact or _NO_ARTIFACT)


def _with_artifact(artifact: bytes | None, card: ModelCard, read: Read) -> Carriage | None:
    return None if artifact is None else Carriage(artifact)


def _zkml(artifact: bytes | None, card: ModelCard, read: Read) -> Carriage | None:
    """By the circuit's rows: what proving so many took, in time and memory."""
    from verifiers.zkml.circuit import Description

    data = None if artifact is None else _file(card, "zkml", "circuit.json", read)
    if artifact is None or data is None:
        return None
    try:
        rows = Description.from_json(data).k
    except FusionError as error:
        return Carriage(artifact, refusal=error.message)
    measured, limit = table()["zkml"]["rows"], table()["zkml"]["memory_mib"]
    known = sorted(int(k) for k in measured if int(k) >= rows)
    if not known:
        return Carriage(artifact, refusal=f"2^{rows} rows, more than was ever proved")
    figures = measured[str(known[0])]
    if figures["memory_mib"] > limit:
        needed = figures["memory_mib"]
        return Carriage(artifact, refusal=f"2^{rows} rows take {needed} MiB, more than {limit}")
    return Carriage(artifact, figures["prove_ms"], figures["prove_ms"])


def _opml(artifact: bytes | None, card: ModelCard, read: Read) -> Carriage | None:
    """What the compiler knew to lower has an artifact; an answer is final after its window."""
    from verifiers.opml.bundle import parse_header

    data = None if artifact is None else _file(card, "opml", "header.json", read)
    if artifact is None or data is None:
        return None
    try:
        header = parse_header(data)
    except FusionError as error:
        return Carriage(artifact, refusal=error.message)
    if header.artifact_id() != artifact:
        return Carriage(artifact, refusal="header.json is of another artifact")
    if card.item_bytes_out > _OPML_MAX_OUTPUT:
        return Carriage(artifact, refusal=f"{card.item_bytes_out} bytes of output")
    return Carriage(artifact, header.window * 1_000, 0)


def _teeml(artifact: bytes | None, card: ModelCard, read: Read) -> Carriage | None:
    """By the memory that the model needs inside."""
    if artifact is None:
        return None
    figures = table()["teeml"]
    size = card.limits.max_onnx_bytes
    needed = figures["base_mib"] + -(-size * figures["times_onnx"] // (1 << 20))
    if needed > figures["memory_mib"]:
        why = f"needs {needed} MiB inside, of {figures['memory_mib']}"
        return Carriage(artifact, refusal=why)
    return Carriage(artifact)


def _teeml_hold(network: Network, first: int, last: int) -> Mapping[bytes, int]:
    """An answer is paid at once, or stands until the policy's hold is over."""
    from verifiers.teeml.errors import NotListedError
    from verifiers.teeml.market import holds

    try:
        found = holds(network, first, last)
    except NotListedError:
        return {}
    return {policy_id: seconds * 1_000 for policy_id, seconds in found.items()}


def _file(card: ModelCard, method: str, name: str, read: Read) -> bytes | None:
    """A file of the card's manifest; None when it lists none, or nobody serves it."""
    cid = manifest(card, method).get(name)
    if cid is None:
        return None
    try:
        return read(cid, _MAX_FACTS)
    except StoreError:
        return None


_CARRIERS = {
    "none": Carrier(0, private=False, carry=_none),
    "opml": Carrier(7_500, private=False, carry=_opml),
    "teeml": Carrier(7_000, private=True, carry=_teeml, hold=_teeml_hold),
    "zkml": Carrier(10_000, private=False, carry=_zkml),
}
_UNKNOWN = Carrier(0, private=False, carry=_with_artifact)
