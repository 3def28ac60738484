# SPDX-License-Identifier: Apache-2.0
"""Quantised graph -> descriptors and the weights blob."""

from __future__ import annotations

from verifiers.opml.compiler.emit.nodes import emit

__all__ = ["emit"]
