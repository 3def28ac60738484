# SPDX-License-Identifier: Apache-2.0
"""A proxy that misbehaves on demand."""

from __future__ import annotations

from tests.chain.conftest import make_proxy

__all__ = ["make_proxy"]
