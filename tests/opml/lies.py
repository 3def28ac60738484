# SPDX-License-Identifier: Apache-2.0
"""Executions that never happened."""

from __future__ import annotations

from dataclasses import replace

from verifiers.opml.merkle import Tensor
from verifiers.opml.openings import Execution


def lied(execution: Execution, j: int) -> Execution:
    """The first byte of node ``j``'s output is another; the others are left as they are."""
    outputs = list(execution.outputs)
    outputs[j] = Tensor(bytes([outputs[j].data[0] ^ 1]) + outputs[j].data[1:])
    return replace(execution, outputs=outputs)
