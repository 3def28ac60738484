# SPDX-License-Identifier: Apache-2.0
"""Chains whose coins are worth nothing."""

from __future__ import annotations

DEVELOPMENT_CHAINS = frozenset({1337, 31337})
