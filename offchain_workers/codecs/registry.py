# SPDX-License-Identifier: Apache-2.0
"""Finds a codec by the name in a card: the built-in ones, then installed packages.

A package adds one under the entry-point group ``model_network.codecs``, named ``name@version``; the
value is a class without arguments. A built-in name can't be taken over.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from offchain_workers.codecs.base import Codec
from offchain_workers.models.errors import UnknownCodecError

GROUP = "model_network.codecs"
# Beside pyproject.toml's table, so that a checkout whose installation is stale finds them too.
BUILT_IN = {
    "digits@1": "offchain_workers.codecs.digits:DigitsCodec",
    "magika@1": "offchain_workers.codecs.magika:MagikaCodec",
    "tensor@1": "offchain_workers.codecs.tensor:TensorCodec",
    "words@1": "offchain_workers.codecs.words:WordsCodec",
}


@cache
def get_codec(name: str) -> Codec:
    """The codec of that name; raises UnknownCodecError."""
    entry = _find(name)
    try:
        codec: Codec = entry.load()()
    except (ImportError, AttributeError) as error:
        raise UnknownCodecError(
            f"codec {name} does not load from {entry.value}: {error}"
        ) from error
    return codec


def codec_names() -> list[str]:
    """Every codec that can be found here, sorted."""
    return sorted({*BUILT_IN, *(entry.name for entry in entry_points(group=GROUP))})


def _find(name: str) -> EntryPoint:
    if name in BUILT_IN:
        return EntryPoint(name, BUILT_IN[name], GROUP)
    found = sorted(entry_points(group=GROUP, name=name), key=lambda entry: entry.value)
    if not found:
        known = ", ".join(codec_names())
        raise UnknownCodecError(f"no codec {name[:64]!r} is installed; known: {known}")
    if len({entry.value for entry in found}) > 1:
        raise UnknownCodecError(f"two packages offer codec {name}; uninstall one")
    return found[0]
