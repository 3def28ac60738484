# SPDX-License-Identifier: Apache-2.0
"""Which verification methods are known here: one line each, loaded when asked for.

An installed package adds one under the entry-point group ``model_network.methods``, named like the
method; the value is a class without arguments. A built-in name can't be taken over.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points

from offchain_workers.chain.contracts.terms import selector_of
from verifiers.base import Method
from verifiers.errors import UnknownMethodError

GROUP = "model_network.methods"
METHODS = {
    "none": "verifiers.none:NoneMethod",
    "opml": "verifiers.opml.method:OpmlMethod",
    "teeml": "verifiers.teeml.method:TeemlMethod",
    "zkml": "verifiers.zkml.method:ZkmlMethod",
}


def method_table(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Method name to ``module:Class``: installed packages, then ``extra``, then the built-in."""
    installed = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    return {**installed, **(extra or {}), **METHODS}


def method_of(selector: bytes) -> Method:
    """The installed method that a market lists under a selector. Raises UnknownMethodError."""
    table = method_table()
    for name in table:
        if selector_of(name) == selector:
            return get_method(name, table)
    raise UnknownMethodError(f"no method 0x{selector.hex()}; known: {', '.join(sorted(table))}")


def get_method(name: str, table: Mapping[str, str] | None = None) -> Method:
    """The method of that name. Raises UnknownMethodError."""
    known = method_table() if table is None else table
    if name not in known:
        raise UnknownMethodError(f"no method {name[:64]!r}; known: {', '.join(sorted(known))}")
    try:
        method: Method = EntryPoint(name, known[name], GROUP).load()()
    except (ImportError, AttributeError) as error:
        raise UnknownMethodError(f"method {name} does not load: {error}") from error
    if method.name != name:
        raise UnknownMethodError(f"{known[name]} is method {method.name}, not {name}")
    return method
