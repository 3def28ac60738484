# SPDX-License-Identifier: Apache-2.0
"""Every call of ezkl, in a process of its own that may hang, panic or run out of memory."""

from verifiers.zkml.runner.supervise import USUAL, Ezkl, Limits, Step

__all__ = ["USUAL", "Ezkl", "Limits", "Step"]
