# SPDX-License-Identifier: Apache-2.0
"""Quantised graph -> standard ONNX that computes the same integers, with a free batch dimension."""

from __future__ import annotations

from verifiers.opml.compiler.lower.graphs import INPUT, OUTPUT, model, probe, trace

__all__ = ["INPUT", "OUTPUT", "model", "probe", "trace"]
